// The documentation as a static site: README, docs/ and the READMEs of examples/, a page each, with the same navigation. `npm run docs`
// writes it to site/; it needs no network, and a link that leads nowhere ends it.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { Marked } from "marked";

const repository = join(import.meta.dirname, "..");

/** In the order of the navigation; what is not named follows by its name. */
const first = [
  "README.md",
  "docs/TUTORIAL.md",
  "docs/HOWTO.md",
  "examples/README.md",
  "docs/LIBRARY.md",
  "docs/EXTEND.md",
];

/** The pages' paths from the repository's root. */
export function listPages(root = repository) {
  const docs = readdirSync(join(root, "docs")).flatMap(name => (name.endsWith(".md") ? [`docs/${name}`] : []));
  const examples = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    .filter(name => posix.basename(name) === "README.md" && !name.includes("node_modules"))
    .map(name => `examples/${name}`)
    .sort();
  return [...new Set([...first, ...docs.sort(), ...examples, "CONTRIBUTING.md", "CHANGELOG.md"])].filter(page =>
    existsSync(join(root, page)),
  );
}

/** Where a page lies in the site. */
const placeOf = page =>
  page === "README.md" ? "index.html" : page.replace(/README\.md$/, "index.html").replace(/\.md$/, ".html");

/** GitHub's name of a heading: `slugs` counts those that were there before. */
function makeSlug(text, slugs) {
  const plain = text
    .toLowerCase()
    .replace(/<[^>]*>/g, "")
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
  const before = slugs.get(plain) ?? 0;
  slugs.set(plain, before + 1);
  return before === 0 ? plain : `${plain}-${before}`;
}

const escapeText = text =>
  text.replace(/[&<>"]/g, found => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[found]);

/** A page's HTML, the ids of its headings, and what it links to. */
function renderPage(root, page, pages) {
  const source = readFileSync(join(root, page), "utf8");
  const slugs = new Map();
  const links = [];
  const resolve = target => posix.normalize(posix.join(posix.dirname(page), target));
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth} id="${makeSlug(text, slugs)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      table(token) {
        const row = (cells, tag) =>
          `<tr>${cells.map(cell => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join("")}</tr>`;
        return `<div class="wide"><table><thead>${row(token.header, "th")}</thead><tbody>${token.rows.map(cells => row(cells, "td")).join("\n")}</tbody></table></div>\n`;
      },
      link({ href, tokens }) {
        const inside = this.parser.parseInline(tokens);
        if (/^[a-z]+:/.test(href)) return `<a href="${escapeText(href)}">${inside}</a>`;
        const [path, anchor] = href.split("#");
        const target = path === "" ? page : resolve(path);
        links.push({ target, anchor });
        const place = pages.includes(target) ? placeOf(target) : target;
        const from = posix.dirname(placeOf(page));
        return `<a href="${escapeText(posix.relative(from, place) || posix.basename(place))}${anchor === undefined ? "" : `#${escapeText(anchor)}`}">${inside}</a>`;
      },
      image({ href, text }) {
        links.push({ target: resolve(href), anchor: undefined });
        return `<img src="${escapeText(href)}" alt="${escapeText(text)}">`;
      },
      html: ({ text }) => escapeText(text),
    },
  });
  const body = marked.parse(source);
  return {
    page,
    body,
    links,
    ids: new Set([...body.matchAll(/<h\d id="([^"]*)"/g)].map(match => match[1])),
    title: /^# (.*)$/m.exec(source)?.[1] ?? page,
  };
}

const style = `:root{color-scheme:light dark;--paper:#fff;--text:#222;--line:#dcdcdc;--link:#0b5cad;--code:#f4f4f4}
@media (prefers-color-scheme:dark){:root{--paper:#16181c;--text:#dedede;--line:#353a42;--link:#7fbcff;--code:#22252b}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--text);font:16px/1.55 system-ui,"DejaVu Sans",sans-serif}
a{color:var(--link)}.page{display:grid;grid-template-columns:14rem minmax(0,1fr);gap:2rem;max-width:76rem;margin:auto;padding:1.5rem}
nav ul{list-style:none;margin:0;padding:0}nav a{display:block;padding:.15rem 0;text-decoration:none;overflow-wrap:anywhere}nav [aria-current]{font-weight:700}
main{max-width:52rem;min-width:0}main p,main li{overflow-wrap:anywhere}img{max-width:100%;height:auto;border:1px solid var(--line)}
pre,code{font:14px/1.45 ui-monospace,"DejaVu Sans Mono",monospace;background:var(--code)}code{padding:.1em .25em;border-radius:.2em}
pre{padding:.7rem;overflow-x:auto;border-radius:.4em}pre code{padding:0}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:15px}th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}td code{overflow-wrap:anywhere}
@media (max-width:50rem){.page{grid-template-columns:minmax(0,1fr);padding:.8rem;gap:.5rem}nav ul{display:flex;flex-wrap:wrap;gap:0 1rem}}`;

/** The site's files by path, and the links that lead nowhere. */
export function renderSite(root = repository) {
  const names = listPages(root);
  const pages = names.map(page => renderPage(root, page, names));
  const byName = new Map(pages.map(each => [each.page, each]));
  const faults = pages.flatMap(({ page, links }) =>
    links.flatMap(({ target, anchor }) => {
      if (target.startsWith("..") || !existsSync(join(root, target))) return [`${page}: no ${target}`];
      const linked = byName.get(target);
      return anchor === undefined || linked === undefined || linked.ids.has(anchor)
        ? []
        : [`${page}: no #${anchor} in ${target}`];
    }),
  );
  const linked = new Set(
    pages.flatMap(({ links }) => links.map(({ target }) => target)).filter(target => !byName.has(target)),
  );
  const files = new Map(
    pages.map(({ page, body, title }) => {
      const place = placeOf(page);
      const items = names.map(name => {
        const here = name === page ? ' aria-current="page"' : "";
        const shown = name === "README.md" ? "cramming" : name.replace(/^docs\/|\/?README\.md$|\.md$/g, "");
        return `<li><a href="${posix.relative(posix.dirname(place), placeOf(name)) || posix.basename(place)}"${here}>${escapeText(shown)}</a></li>`;
      });
      const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title><style>${style}</style></head><body><div class="page">
<nav aria-label="Pages"><ul>${items.join("\n")}</ul></nav><main>${body}</main></div></body></html>
`;
      return [place, html];
    }),
  );
  return { files, linked, faults };
}

/** Writes the site; files of the repository that its pages show or name lie beside them. */
function makeSite(out) {
  const { files, linked, faults } = renderSite();
  if (faults.length > 0) {
    process.stderr.write(`${faults.join("\n")}\n`);
    process.exit(1);
  }
  rmSync(out, { recursive: true, force: true });
  for (const [place, html] of files) {
    mkdirSync(dirname(join(out, place)), { recursive: true });
    writeFileSync(join(out, place), html);
  }
  for (const target of linked) cpSync(join(repository, target), join(out, target), { recursive: true });
  process.stdout.write(`${files.size} pages: open ${join(out, "index.html")}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) makeSite(join(repository, "site"));

// SVG to PNG by resvg, an optional dependency: a report without PNGs needs it not.

import { UserError } from "../../base/errors.ts";

interface Resvg {
  new (
    svg: string,
    options: { readonly fitTo: { readonly mode: "zoom"; readonly value: number } },
  ): { render(): { asPng(): Uint8Array; readonly pixels: Uint8Array } };
}

const library = "@resvg/resvg-js";
/** Twice the pixels, for screens that have them and for paper. */
const zoom = 2;

/** Throws UserError E_PNG where the library is absent, or the system has no font to write text with. */
export async function openPngRenderer(): Promise<(svg: string) => Uint8Array> {
  const { Resvg } = await loadLibrary();
  const render = (svg: string) => new Resvg(svg, { fitTo: { mode: "zoom", value: zoom } }).render();
  const letter = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15">M</text></svg>';
  if (render(letter).pixels.every(value => value === 0)) {
    throw new UserError(
      "E_PNG",
      "PNG needs a font, and this system has none; the SVG files are written",
      "Install one, for example with apt install fonts-dejavu-core.",
    );
  }
  return svg => render(svg).asPng();
}

async function loadLibrary(): Promise<{ readonly Resvg: Resvg }> {
  try {
    return (await import(library)) as { readonly Resvg: Resvg };
  } catch (cause) {
    throw new UserError(
      "E_PNG",
      `PNG needs the package ${library}, which is not installed or does not load; the SVG files are written`,
      `Install it with npm install ${library}.`,
      { cause },
    );
  }
}

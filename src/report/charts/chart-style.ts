// How charts look, as rules that stand in the page and in every saved SVG. The colours of runs were searched for near Okabe and Ito's:
// any two of a screen differ by 25 in CIELAB or more, for people with any colour vision (chart-style.test.ts). Paper is always light.

const light = ["#2a48e2", "#e06810", "#669060", "#b2468f", "#714600", "#0699fc", "#3c4540", "#7638a7"];
const dark = ["#0975a4", "#ed8d4e", "#2cc696", "#faa5e3", "#d3cd15", "#fdfffb", "#b6ffb0", "#b394fc"];

export const runColours = light.length;

const colourRules = (colours: readonly string[]) =>
  colours.map((colour, i) => `.run-${i}{stroke:${colour}}.key-${i}{fill:${colour}}`).join("");

/** Plain rules, for the printer of PNGs knows no others. */
export const lightChartStyle = `.chart{font-family:system-ui,"DejaVu Sans",sans-serif;font-size:12px}
.chart text{fill:#333}.chart .title{font-size:15px;font-weight:600}
.chart .paper{fill:#fff}.chart .grid{stroke:#e2e2e2;stroke-width:1}.chart .frame{stroke:#888;stroke-width:1;fill:none}
.chart .mark{stroke:#777;stroke-width:1;stroke-dasharray:5 4}.chart .mark-name{font-size:12px;fill:#555;stroke:#fff;stroke-width:3px;paint-order:stroke}
.chart .best{font-weight:600}.chart .on-bar{font-size:12px;fill:#fff}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.each{fill:none;stroke-width:1;opacity:.3}
.level{stroke:#8a8a8a;stroke-width:2}.chart .hollow{fill:#fff;stroke-width:1.5}
.band{opacity:.2}.ring{fill:none;stroke-width:2}
.again{stroke-dasharray:7 3}.dots{stroke:none}.spots{fill:none;stroke-width:7;stroke-linecap:round}.join{fill:none;stroke-width:1;stroke-dasharray:2 3}
${colourRules(light)}`;

const darkRules = `.chart text{fill:#d8d8d8}.chart .paper{fill:#16181c}.chart .grid{stroke:#2d3138}.chart .frame{stroke:#777}
.chart .mark{stroke:#999}.chart .mark-name{fill:#aaa;stroke:#16181c}.chart .hollow{fill:#16181c}.chart .on-bar{fill:#111}.each{opacity:.35}${colourRules(dark)}`;

export const chartStyle = `${lightChartStyle}
@media screen and (prefers-color-scheme:dark){${darkRules}}`;

// How the page looks: light, dark by the reader's preference, light on paper.

import { chartStyle } from "../charts/chart-style.ts";
import { layoutStyle } from "../charts/layouts.ts";

/** The most variants that a group of charts can have. */
const mostVariants = 8;

/** A variant is shown while its radio button is the chosen one; no script is needed. */
const variantRules = Array.from(
  { length: mostVariants },
  (_, i) => `.variants input:nth-of-type(${i + 1}):checked~figure:nth-of-type(${i + 1})`,
).join(",");

export const pageStyle = `:root{color-scheme:light dark;--paper:#fff;--text:#222;--soft:#5a5a5a;--line:#dcdcdc;--link:#0b5cad;--chosen:#e3eefa}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16181c;--text:#dedede;--soft:#a5a5a5;--line:#353a42;--link:#7fbcff;--chosen:#22354a}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:1180px;background:var(--paper);color:var(--text);font:15px/1.45 system-ui,"DejaVu Sans",sans-serif}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:1.3rem 0 .5rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
.verdict{font-size:1.25rem;margin:.3rem 0}p{max-width:75ch}.soft,figcaption{color:var(--soft);font-size:.87rem}a{color:var(--link)}header .soft{margin:.2rem 0}nav a{margin-right:1rem}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
figure{margin:0 0 .8rem;min-width:0}figure svg{display:block;width:100%;height:auto}
figure output{display:block;min-height:1.5em;color:var(--soft);font-size:.87rem;overflow-wrap:anywhere}
.grid-of-two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,540px),1fr));gap:1rem 1.5rem}
.variants{border:0;padding:0;margin:0;min-width:0}.variants legend{float:left;margin:.3rem .6rem 0 0;padding:0;color:var(--soft);font-size:.87rem}
.variants input{position:absolute;opacity:0}
.variants label{display:inline-block;margin:.2rem .3rem .5rem 0;padding:.15rem .6rem;border:1px solid var(--line);border-radius:1em;cursor:pointer;font-size:.87rem}
.variants input:checked+label{background:var(--chosen);border-color:var(--link)}
.variants input:focus-visible+label{outline:2px solid var(--link);outline-offset:2px}
.variants figure{display:none}
${variantRules}{display:block}
.wide{overflow-x:auto;margin:.5rem 0 1rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:.2rem 0}th,td{padding:.22rem .7rem .22rem 0;border-bottom:1px solid var(--line);vertical-align:top;text-align:left}
th.figure,td.figure{text-align:right}th{font-weight:500}thead th{color:var(--soft);vertical-align:bottom}
td.text,tbody th.text{white-space:pre-line}th,td{max-width:28rem;overflow-wrap:break-word}tbody th{min-width:8rem}td.text{min-width:6rem}td.figure{white-space:nowrap}summary{cursor:pointer;color:var(--link)}
td.best{font-weight:700}td.best::after{content:" ★";content:" ★"/" best"}
.cursor{stroke:currentColor;stroke-width:1;opacity:.6}
${layoutStyle}
@media screen and (max-width:500px){body{padding:.6rem}thead th{min-width:6rem}}
@media print{:root{font-size:12px}body{max-width:none;padding:0;font-size:11px}nav,.variants legend,.variants label,figure output{display:none!important}
figure,tr,.wide{break-inside:avoid}h2,h3,caption,h2+p{break-after:avoid}.grid-of-two{grid-template-columns:1fr 1fr}.wide{overflow:visible}table{font-size:10px}}
${chartStyle}`;

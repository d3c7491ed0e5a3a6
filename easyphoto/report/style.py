"""The report's style sheet; light and dark follow the reader's system."""

STYLE = """
:root { --ground:#f6f4f0; --card:#ffffff; --ink:#1d1b19; --soft:#6f6a63; --line:#e4dfd7; --accent:#b34a24;
  --good:#2f7d4f; --aside:#9a5b00; --shadow:0 1px 2px #0000000d, 0 8px 28px #0000000f;
  --c0:#c2552d; --c1:#2b6f9e; --c2:#2f7d4f; --c3:#8a5aa8; --c4:#b58a1b; --c5:#5a6b74; }
@media (prefers-color-scheme: dark) { :root { --ground:#161513; --card:#211f1c; --ink:#f1ede6; --soft:#a29b91;
  --line:#383430; --accent:#ef8a5f; --good:#5cbf86; --aside:#e0a54b; --shadow:0 1px 2px #0006;
  --c0:#ef8a5f; --c1:#6fb4e0; --c2:#66c792; --c3:#c297de; --c4:#e3c05d; --c5:#9fb0b9; } }
* { box-sizing:border-box }
body { margin:0 auto; max-width:1120px; padding:48px 24px 64px; background:var(--ground); color:var(--ink);
  font:16px/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { margin:0; font-size:2.5rem; line-height:1.12; letter-spacing:-.025em; font-weight:680; text-wrap:balance }
h2 { margin:0 0 4px; font-size:1.3rem; letter-spacing:-.012em; font-weight:640 }
h3 { margin:24px 0 10px; font-size:.95rem; font-weight:600; color:var(--soft) }
.brand { margin:0 0 6px; color:var(--accent); font-weight:650; letter-spacing:.02em }
.lead { margin:12px 0 0; max-width:62ch; color:var(--soft); font-size:1.1rem }
.words { margin:0 0 12px; max-width:72ch; color:var(--soft) }
.facts { display:flex; flex-wrap:wrap; gap:12px 44px; margin:30px 0 28px }
.facts b { display:block; font-size:1.55rem; font-weight:640; letter-spacing:-.02em;
  font-variant-numeric:tabular-nums }
.facts span { color:var(--soft); font-size:.88rem }
section { margin:0 0 22px; padding:26px 28px 28px; background:var(--card); border-radius:16px;
  box-shadow:var(--shadow) }
.gallery { display:grid; gap:18px 16px; margin-top:14px;
  grid-template-columns:repeat(auto-fill, minmax(min(var(--side), 100%), 1fr)) }
.gallery:has(> figure:only-child) { grid-template-columns:minmax(0, calc(1.6 * var(--side))) }
figure { margin:0; min-width:0 }
.frame { position:relative; overflow:hidden; border-radius:10px; background:var(--line) }
.frame img { display:block; width:100%; height:auto }
.steps figure { position:relative }
.steps figure:not(:last-child)::after { content:"›"; position:absolute; right:-13px; top:calc(var(--side) / 2 - 18px);
  color:var(--soft); font-size:1.4rem; line-height:1 }
figcaption { margin-top:7px; font-size:.88rem; line-height:1.4; overflow-wrap:anywhere }
figcaption small { display:block; color:var(--soft); font-size:.8rem }
.badge { position:absolute; left:8px; bottom:8px; padding:2px 9px; border-radius:99px; font-size:.76rem;
  font-weight:620; background:var(--card); color:var(--ink) }
.badge.good { color:var(--good) } .badge.aside { color:var(--aside) }
.chart { display:inline-block; width:min(520px, 100%); margin-right:24px; vertical-align:top }
svg { width:100%; height:auto; overflow:visible } svg text { fill:var(--soft); font-size:13px }
.grid { stroke:var(--line) }
polyline { fill:none; stroke-width:2; stroke-linejoin:round }
polyline.faint { stroke:var(--c0); stroke-width:1; opacity:.28 }
polyline.c0 { stroke:var(--c0) } polyline.c1 { stroke:var(--c1) } polyline.c2 { stroke:var(--c2) }
polyline.c3 { stroke:var(--c3) } polyline.c4 { stroke:var(--c4) } polyline.c5 { stroke:var(--c5) }
circle.c0, i.c0 { fill:var(--c0); background:var(--c0) } circle.c1, i.c1 { fill:var(--c1); background:var(--c1) }
circle.c2, i.c2 { fill:var(--c2); background:var(--c2) } circle.c3, i.c3 { fill:var(--c3); background:var(--c3) }
circle.c4, i.c4 { fill:var(--c4); background:var(--c4) } circle.c5, i.c5 { fill:var(--c5); background:var(--c5) }
.legend { display:flex; flex-wrap:wrap; gap:2px 16px; font-size:.82rem; color:var(--soft) }
.legend i { display:inline-block; width:9px; height:9px; border-radius:3px; margin-right:6px }
@media (max-width:520px) { svg text { font-size:19px } }
.bars { display:grid; gap:7px }
.bar { display:grid; grid-template-columns:150px 1fr 74px; gap:12px; align-items:center }
.bar b { height:12px; border-radius:6px; background:var(--line); overflow:hidden }
.bar i { display:block; height:100%; border-radius:6px; background:var(--accent) }
.bar span, .bar em { font-size:.88rem; font-style:normal; font-variant-numeric:tabular-nums }
.bar em { text-align:right; color:var(--soft) }
.wide { overflow-x:auto } table { border-collapse:collapse; font-size:.9rem; font-variant-numeric:tabular-nums }
th, td { padding:6px 22px 6px 0; text-align:left; border-bottom:1px solid var(--line); vertical-align:top }
th { color:var(--soft); font-weight:560 }
.notes { margin:14px 0 0; padding-left:1.1em; color:var(--soft); font-size:.92rem }
footer { margin-top:32px; color:var(--soft); font-size:.84rem }
details { margin-top:14px } details .gallery { margin-top:10px }
summary { width:fit-content; padding:8px 14px; border:1px solid var(--line); border-radius:99px; font-size:.9rem;
  cursor:pointer }
summary:focus-visible { outline:3px solid var(--c1); outline-offset:2px }
@media (max-width:600px) { body { padding:24px 12px } section { padding:18px 14px } h1 { font-size:1.7rem }
  .facts { display:grid; grid-template-columns:1fr 1fr; gap:12px 16px; margin:22px 0 } .facts b { font-size:1.2rem }
  .gallery { grid-template-columns:1fr 1fr; gap:12px 10px }
  .gallery:has(> figure:only-child) { grid-template-columns:1fr }
  figcaption { font-size:.82rem } figcaption small { display:-webkit-box; overflow:hidden; font-size:.76rem;
    -webkit-box-orient:vertical; -webkit-line-clamp:4 }
  .badge { left:5px; bottom:5px; padding:1px 7px; font-size:.7rem } summary { min-height:40px }
  .bar { grid-template-columns:100px 1fr 64px } .steps figure::after { content:none !important }
  thead { position:absolute; display:block; width:1px; height:1px; overflow:hidden; clip-path:inset(50%) }
  table, tbody, tr { display:block; width:100% } tr { padding:8px 0; border-bottom:1px solid var(--line) }
  td { display:flex; justify-content:space-between; gap:16px; padding:2px 0; border:0; overflow-wrap:anywhere;
    text-align:right }
  td::before { content:attr(data-heading); color:var(--soft); text-align:left } td:first-child { font-weight:600 } }
@media print { body { background:none } section { box-shadow:none; break-inside:avoid }
  details::details-content { content-visibility:visible; height:auto } summary { display:none } }
"""

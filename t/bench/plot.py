"""The plot: horizontal bars of throughput as a part of bare nginx's, with their spread. SVG by hand, readable in light and dark."""

from xml.sax.saxutils import escape

LABELS, BARS, FIGURES, ROW, TOP, BOTTOM = 430, 380, 110, 30, 56, 40  # pixels

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .quiet { fill: #59636e; font-size: 12px; }
  .grid { stroke: #d1d9e0; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  .target { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .bar { fill: #656c76; }
    .ours { fill: #4493f8; }
    .spread { stroke: #f0f6fc; }
    .target { stroke: #f0883e; }
  }
"""


def bars_of(sections):
    """Every row that has a bar, as results.json keeps it, the best first."""
    rows = [row for section in sections.values() for row in section["rows"] if row.get("bar")]
    return sorted(rows, key=lambda row: -row["bar"]["median"])


def svg(rows, note=""):
    """rows: with text and bar. An empty plot says so."""
    height = TOP + ROW * max(1, len(rows)) + BOTTOM
    width = LABELS + BARS + FIGURES
    most = max([1.0] + [row["bar"]["high"] for row in rows])

    def x(ratio):
        return round(LABELS + BARS * max(0.0, ratio) / most, 1)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>Throughput as a part of bare nginx's</title>",
        f"<style>{STYLE}</style>",
        '<text class="title" x="12" y="22">Throughput, as a part of the same location without any check</text>',
        f'<text class="quiet" x="12" y="41">{escape(f"{note} Lines: least and greatest; dashed: the target.".strip())}</text>',
    ]
    for tenth in range(0, 11, 2):
        at, bottom = x(tenth / 10), height - BOTTOM + 4
        out.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{TOP - 4}" y2="{bottom}"/>')
        out.append(f'<text class="quiet" x="{at}" y="{bottom + 16}" text-anchor="middle">{tenth / 10:.1f}</text>')
    if not rows:
        out.append(f'<text x="{LABELS}" y="{TOP + 20}">nothing was measured</text>')
    for i, row in enumerate(rows):
        bar, top = row["bar"], TOP + i * ROW
        middle, end = top + ROW / 2, max(x(bar["high"]), x(bar["target"] or 0))
        kind = "bar ours" if row["text"].startswith("keyward") else "bar"
        out += [
            f'<text x="{LABELS - 10}" y="{middle + 4}" text-anchor="end">{escape(row["text"])}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{top + 5}" width="{round(x(bar["median"]) - LABELS, 1)}" height="{ROW - 10}" rx="2"/>',
            f'<line class="spread" x1="{x(bar["low"])}" x2="{x(bar["high"])}" y1="{middle}" y2="{middle}"/>',
            *(
                f'<line class="spread" x1="{at}" x2="{at}" y1="{middle - 4}" y2="{middle + 4}"/>'
                for at in (x(bar["low"]), x(bar["high"]))
            ),
            f'<text x="{end + 8}" y="{middle + 4}">{bar["median"]:.3g}</text>',
        ]
        if bar["target"]:
            at = x(bar["target"])
            out.append(f'<line class="target" x1="{at}" x2="{at}" y1="{top + 2}" y2="{top + ROW - 2}"/>')
    return "\n".join([*out, "</svg>", ""])

"""What axe-core, and a few measurements of ours, say of a page that is open in a browser."""

from __future__ import annotations

from typing import Any

IMPACTS = ("critical", "serious")
RULES = ("heading-order", "empty-heading")
"""Less grave for axe, but laws of our page."""
SCRIPT_LOOKS = 700
"""Milliseconds within which the page's script has named what gradio does not."""
OURS = '[id^="easyphoto_"]'

# The colours that are painted: a gradient's are each of its stops, and what is transparent shows what is behind.
_CONTRAST = """(element) => {
    const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => {
        const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    };
    const grounds = (at) => {
        if (!at) return [[255, 255, 255]];
        const style = getComputedStyle(at), stops = style.backgroundImage.match(/rgba?\\([^)]*\\)/g);
        if (stops) return stops.map(parse);
        const [r, g, b, a = 1] = parse(style.backgroundColor);
        const over = (under) => [r, g, b].map((value, i) => a * value + (1 - a) * under[i]);
        return a === 1 ? [[r, g, b]] : grounds(at.parentElement).map(over);
    };
    const ratio = (one, other) => {
        const [high, low] = [light(one), light(other)].sort((x, y) => y - x);
        return (high + 0.05) / (low + 0.05);
    };
    const hint = element.placeholder && !element.value ? "::placeholder" : null;
    const colour = parse(getComputedStyle(element, hint).color);
    const isFaint = parseFloat(getComputedStyle(element).opacity) < 1;
    return isFaint ? 1 : Math.min(...grounds(element).map((ground) => ratio(colour, ground)));
}"""


def findings(page: Any, *, part: str = OURS) -> list[str]:
    """Return what is wrong with our part of the page, as lines for people; a host's page around it is the host's."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_timeout(SCRIPT_LOOKS)
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{finding['id']} ({finding['impact']}): {' '.join(map(str, node['target']))} {_why(node)}"
        for finding in found
        if finding["impact"] in IMPACTS or finding["id"] in RULES
        for node in finding["nodes"]
        if _is_inside(page, node, part)
    ]


def contrast(page: Any, selector: str) -> float:
    """Return the contrast of an element's words with its worst background; gradients, which axe leaves out, as well."""
    return float(page.locator(selector).first.evaluate(_CONTRAST))


def _is_inside(page: Any, node: Any, part: str) -> bool:
    inside = "([target, part]) => Boolean(document.querySelector(target)?.closest(part))"
    return bool(page.evaluate(inside, [str(node["target"][-1]), part]))


def _why(node: Any) -> str:
    return "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))

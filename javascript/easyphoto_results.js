// Results: the edge between template and portrait, pictures over the whole screen, folds that stay open.
// A host loads this file as a plain script; standing alone the page runs it when it has loaded.
(function () {
    "use strict";
    if (window.easyphotoResults) {
        return;
    }
    window.easyphotoResults = true;
    const open = new Set();

    function page() {
        const app = document.querySelector("gradio-app");
        return (app && app.shadowRoot) || document;
    }

    function within(event, selector) {
        const from = event.composedPath()[0];
        return from instanceof Element ? from.closest(selector) : null;
    }

    // The input lies over the picture, so mouse, touch and arrow keys all move the same edge.
    function onInput(event) {
        const edge = within(event, "[data-easyphoto-edge]");
        if (edge) {
            edge.parentElement.style.setProperty("--easyphoto-at", `${edge.value}%`);
            edge.setAttribute("aria-valuetext", `${edge.value} %`);
        }
    }

    function onClick(event) {
        const button = within(event, "[data-easyphoto-whole]");
        const shown = button && (button.closest(".easyphoto-compare") || button);
        if (!shown) {
            return;
        }
        if (document.fullscreenElement) {
            document.exitFullscreen();
        } else if (shown.requestFullscreen) {
            shown.requestFullscreen().catch(() => {});
        }
    }

    // An update replaces the HTML of a fold; what the reader has opened stays open.
    function onToggle(event) {
        const fold = event.target;
        if (fold instanceof HTMLDetailsElement && fold.dataset.easyphotoFold && fold.isConnected) {
            (fold.open ? open.add : open.delete).call(open, fold.dataset.easyphotoFold);
        }
    }

    function openFoldsAgain() {
        for (const fold of page().querySelectorAll("details[data-easyphoto-fold]:not([open])")) {
            if (open.has(fold.dataset.easyphotoFold)) {
                fold.open = true;
            }
        }
    }

    document.addEventListener("input", onInput, true);
    document.addEventListener("click", onClick, true);
    document.addEventListener("toggle", onToggle, true);
    // A host loads this in the page's head, where there is no body yet.
    new MutationObserver(openFoldsAgain).observe(page(), { childList: true, subtree: true });
})();

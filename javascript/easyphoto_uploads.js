// Uploads under gradio 3, which forgets one if anything else is answered before it has arrived: the page's script asks for
// nothing meanwhile, and what was forgotten all the same is brought again.
// A host loads this file as a plain script; standing alone the page runs it when it has loaded.
(function () {
    "use strict";
    if (window.easyphotoUploads) {
        return;
    }
    const LOOK_EVERY = 200;
    const TAKEN_WITHIN = 600;
    const PATIENCE = 600000;
    const MOST_TRIES = 5;
    const going = new Map();

    function isForgetful() {
        return Boolean(window.gradio_config) && String(window.gradio_config.version).startsWith("3.");
    }

    function note(event) {
        const from = event.composedPath()[0];
        const place = from instanceof Element && isForgetful() ? from.closest('[id^="easyphoto_"]') : null;
        const input = place && place.querySelector('input[type="file"]');
        const files = event.type === "drop" ? event.dataTransfer && event.dataTransfer.files : from === input && input.files;
        if (input && files && files.length) {
            const before = going.get(place);
            going.set(place, { files: Array.from(files), since: Date.now(), arrived: 0, tries: before ? before.tries + 1 : 0 });
        }
    }

    // A file that gradio has taken has a link, or is gone from the list again.
    function isForgotten(place) {
        return Array.from(place.querySelectorAll(".file-preview .download")).some((cell) => !cell.querySelector("a"));
    }

    function bringAgain(place, upload) {
        const clear = place.querySelector('button[aria-label="Clear"]');
        if (clear) {
            clear.click();
        }
        setTimeout(() => {
            const input = place.querySelector('input[type="file"]');
            if (input) {
                const transfer = new DataTransfer();
                upload.files.forEach((file) => transfer.items.add(file));
                input.files = transfer.files;
                input.dispatchEvent(new Event("change", { bubbles: true }));
            } else {
                going.delete(place);
            }
        }, LOOK_EVERY);
    }

    function look() {
        for (const [place, upload] of going) {
            const now = Date.now();
            if (upload.arrived && now - upload.arrived > TAKEN_WITHIN) {
                if (isForgotten(place) && upload.tries < MOST_TRIES) {
                    upload.arrived = 0;
                    bringAgain(place, upload);
                } else {
                    going.delete(place);
                }
            } else if (now - upload.since > PATIENCE || !place.isConnected) {
                going.delete(place);
            }
        }
    }

    function onFetched(list) {
        if (list.getEntries().some((entry) => /\/upload\/?(\?|$)/.test(entry.name))) {
            going.forEach((upload) => {
                upload.arrived = upload.arrived || Date.now();
            });
        }
    }

    window.easyphotoUploads = { isGoing: () => going.size > 0 };
    document.addEventListener("change", note, true);
    document.addEventListener("drop", note, true);
    new PerformanceObserver(onFetched).observe({ type: "resource" });
    setInterval(look, LOOK_EVERY);
})();

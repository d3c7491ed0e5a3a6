// EasyPhoto's tabs: keeps live cards up to date, carries the orders of buttons inside HTML, helps keyboard and screen reader.
// A host loads this file as a plain script; standing alone the page runs it when it has loaded.
(function () {
    "use strict";
    if (window.easyphoto) {
        return;
    }
    const LOOK_EVERY = 500;
    const LOOKS_PER_TICK = 3;
    const LOOKS_PER_TICK_HIDDEN = 8;
    const ANSWERS_EVERY = 100;
    const ANSWERED_WITHIN = 30000;
    const PRESSED_ONCE_IN = 700;
    const COUNTED_DOUBLE_IN = 2000;
    // The buttons that make a job: pressed twice by a double click they would make two.
    const ACTIONS = '[id^="easyphoto_"]:is([id$="_start"], [id$="_add"], [id$="_setup"])';
    // By id: some versions of gradio give an element's classes to a part of it as well.
    const CARDS = '[id^="easyphoto_"][id$="_card"]';
    const found = new WeakSet();
    const announced = new WeakMap();
    const opened = new WeakSet();
    const followed = new Set();
    const waiting = new Map();
    const pressed = new WeakMap();
    let asked = 0;
    let lost = null;
    let looks = 0;
    let watched = null;

    function page() {
        const app = document.querySelector("gradio-app");
        return (app && app.shadowRoot) || document;
    }

    // Not while files are on their way: gradio 3 would forget them.
    function press(id) {
        if (window.easyphotoUploads && window.easyphotoUploads.isGoing()) {
            return false;
        }
        const place = page().querySelector(`[id="${id}"]`);
        const button = place && (place.matches("button") ? place : place.querySelector("button"));
        if (button) {
            button.click();
        }
        return Boolean(button);
    }

    // Each tick button is pressed once when it appears: so a page that was reloaded finds its running job again.
    function greetNewCards() {
        for (const button of page().querySelectorAll('[id^="easyphoto_"][id$="_tick"]')) {
            if (!found.has(button) && press(button.id)) {
                found.add(button);
            }
        }
    }

    // Whoever opened the tab to choose somebody in it: what was chosen there before must not come back.
    function isChoosing(place) {
        const line = waiting.get(`${place.id.replace("easyphoto_tab_", "easyphoto_")}_choose_order`);
        return Boolean(line && line.length);
    }

    // A tab or fold that is opened looks up what it lists; a page inside a host's page is told of neither loading nor opening.
    function renewOpenedTabs() {
        for (const button of page().querySelectorAll('[id^="easyphoto_"][id$="_renew"]')) {
            const place = button.closest('[id^="easyphoto_tab_"]') || button.parentElement;
            const isOpen = Boolean(place) && place.getClientRects().length > 0;
            if (isOpen && !opened.has(button) && !isChoosing(place)) {
                if (press(button.id)) {
                    opened.add(button);
                }
            } else if (!isOpen) {
                opened.delete(button);
            }
        }
    }

    // What is active outside a card, as a list of jobs is, belongs to its tab.
    function tickOf(active) {
        const card = active.closest(CARDS);
        const tab = active.closest('[id^="easyphoto_tab_"]');
        return card ? card.id.replace(/_card$/, "_tick") : tab ? tab.id.replace("easyphoto_tab_", "easyphoto_") + "_tick" : null;
    }

    function tickActiveCards() {
        const active = Array.from(page().querySelectorAll('[data-active="true"]'));
        new Set(active.map(tickOf).filter(Boolean)).forEach(press);
    }

    // A region that stays where it is; one that is replaced with its card would not be read out.
    function announcer() {
        let region = document.getElementById("easyphoto_announcer");
        if (!region) {
            region = document.createElement("div");
            region.id = "easyphoto_announcer";
            region.className = "easyphoto-announcer";
            region.setAttribute("aria-live", "polite");
            document.body.appendChild(region);
        }
        return region;
    }

    function announceChanges() {
        for (const card of page().querySelectorAll(CARDS)) {
            const said = card.querySelector("[data-announce]");
            const text = said ? said.dataset.announce : "";
            if (text !== (announced.get(card) || "")) {
                announced.set(card, text);
                announcer().textContent = text;
            }
        }
    }

    // --- what was typed outlives a reload, in this tab of the browser ---

    const KEPT = "easyphoto typed";
    const TYPED = ':is(textarea, input:is([type="text"], [type="number"], :not([type])))';
    // A dropdown's field is no text of its own; answers to a question are given once.
    const UNKEPT = '[role="listbox"], [role="combobox"], [aria-haspopup], [readonly]';
    const QUESTIONS = /_(order_text|answer)$/;
    const came = new Map();
    let started = null;

    function fieldsById() {
        const fields = new Map();
        for (const field of page().querySelectorAll(`#easyphoto_tabs [id^="easyphoto_"] ${TYPED}`)) {
            const id = field.closest('[id^="easyphoto_"]').id;
            if (!fields.has(id) && !QUESTIONS.test(id) && !field.matches(UNKEPT)) {
                fields.set(id, field);
            }
        }
        return fields;
    }

    function keptFields() {
        try {
            return JSON.parse(sessionStorage.getItem(KEPT)) || {};
        } catch {
            return {};
        }
    }

    // What differs from what the page came with; whoever filled it in, a preset or a picture's record too.
    function keepFields() {
        const kept = keptFields();
        for (const [id, field] of fieldsById()) {
            if (came.has(id) && field.value !== came.get(id) && !isStarted(field)) {
                kept[id] = field.value;
            } else if (came.has(id)) {
                delete kept[id];
            }
        }
        try {
            sessionStorage.setItem(KEPT, JSON.stringify(kept));
        } catch {
            // A browser that stores nothing forgets what was typed, as before.
        }
    }

    function setField(field, value) {
        const owner = field.matches("textarea") ? HTMLTextAreaElement : HTMLInputElement;
        Object.getOwnPropertyDescriptor(owner.prototype, "value").set.call(field, value);
        for (const type of ["input", "change", "blur"]) {
            field.dispatchEvent(new Event(type, { bubbles: type !== "blur" }));
        }
    }

    // Typed into before it was looked at: whatever it came with, this differs.
    function noteTyping(event) {
        const field = event.composedPath()[0];
        const place = field instanceof Element ? field.closest('#easyphoto_tabs [id^="easyphoto_"]') : null;
        if (place && !came.has(place.id)) {
            came.set(place.id, null);
        }
    }

    // Fields of a tab that was never opened may come later than the page.
    function bringFieldsBack() {
        const kept = keptFields();
        for (const [id, field] of fieldsById()) {
            if (!came.has(id)) {
                came.set(id, field.value);
                if (id in kept && kept[id] !== field.value) {
                    setField(field, kept[id]);
                }
            }
        }
    }

    // The name of somebody whose training has begun is used up; one of a training that was refused is not.
    function noteName(action) {
        if (action.closest('[id^="easyphoto_train_"]')) {
            const field = fieldsById().get("easyphoto_train_name");
            if (field && isStarted(field)) {
                return; // pressed again; it is refused
            }
            started = field ? { name: field.value, job: shownJob("easyphoto_train_card"), isTaken: false } : null;
        }
    }

    function isStarted(field) {
        if (!started || !field.closest("#easyphoto_train_name") || field.value !== started.name) {
            return false;
        }
        started.isTaken = started.isTaken || shownJob("easyphoto_train_card") !== started.job;
        return started.isTaken;
    }

    function shownJob(card) {
        const shown = page().querySelector(`#${card} [data-job]`);
        return shown ? shown.dataset.job : "";
    }

    // --- a server that does not answer ---

    const PING_EVERY = 2000;
    const PONG_WITHIN = 10000;
    let isAway = false;
    let pinged = 0;

    function isServerThere() {
        const stop = new AbortController();
        const late = setTimeout(() => stop.abort(), PONG_WITHIN);
        // Any answer is one; the style sheet is small, and every version of gradio serves it.
        return fetch(new URL(`theme.css?easyphoto=${Date.now()}`, document.baseURI), { cache: "no-store", signal: stop.signal })
            .then(() => true, () => false)
            .finally(() => clearTimeout(late));
    }

    async function ping() {
        if (Date.now() - pinged < PING_EVERY) {
            return;
        }
        pinged = Date.now();
        const isThere = await isServerThere();
        if (isThere === !isAway) {
            return;
        }
        isAway = !isThere;
        for (const place of page().querySelectorAll("[data-easyphoto-away]")) {
            place.textContent = isAway ? place.dataset.easyphotoAway : "";
        }
        if (!isAway) {
            // What was asked for meanwhile never arrived.
            waiting.clear();
            page().querySelectorAll('[id^="easyphoto_"][id$="_tick"]').forEach((button) => press(button.id));
        }
    }

    // --- the page's title, and a word when a job ends that nobody watches ---

    const ALLOWED = "easyphoto notifies";
    const STATES = { done: "✓", failed: "✕", cancelled: "–", interrupted: "‖" };
    const going = new Map();
    let ended = "";
    let titled = null;

    function jobCards() {
        return Array.from(page().querySelectorAll(`${CARDS} [data-job]`)).filter((card) => !card.closest('[id$="_check_card"]'));
    }

    function percentIn(cards) {
        const bars = cards.map((card) => card.dataset.active === "true" && card.querySelector('[role="progressbar"]')).filter(Boolean);
        const counted = bars.find((bar) => bar.hasAttribute("aria-valuenow"));
        return counted ? `${counted.getAttribute("aria-valuenow")} %` : bars.length ? "…" : "";
    }

    // The host's title may change as well, so it is looked at again each time.
    function setTitle(sign) {
        if (titled === null || document.title !== titled.shown) {
            titled = { own: document.title, shown: document.title };
        }
        const shown = sign ? `${sign} · ${titled.own}` : titled.own;
        if (shown !== titled.shown) {
            document.title = titled.shown = shown;
        }
    }

    function tellProgress() {
        const cards = jobCards();
        for (const card of cards) {
            const { job, active, state } = card.dataset;
            if (active === "true") {
                going.set(job, true);
            } else if (going.delete(job)) {
                ended = STATES[state] || "";
                notify(card.dataset.announce);
            }
        }
        const percent = percentIn(cards);
        ended = percent ? "" : ended;
        setTitle(percent || ended);
    }

    function isAllowed() {
        return "Notification" in window && Notification.permission === "granted" && localStorage.getItem(ALLOWED) === "yes";
    }

    function notify(text) {
        if (document.hidden && isAllowed()) {
            new Notification("EasyPhoto", { body: text, tag: "easyphoto" }).onclick = () => window.focus();
        }
    }

    // Asked for by a button of the card alone, which goes when it is answered.
    function offerNotifying() {
        const canAsk = "Notification" in window && window.isSecureContext && Notification.permission !== "denied" && !isAllowed();
        const tabs = page().querySelector("#easyphoto_tabs");
        if (tabs) {
            tabs.classList.toggle("easyphoto-may-notify", canAsk);
        }
    }

    async function allowNotifying() {
        if ((await Notification.requestPermission()) === "granted") {
            localStorage.setItem(ALLOWED, "yes");
        }
        offerNotifying();
    }

    function onSeen() {
        if (!document.hidden) {
            ended = "";
        }
    }

    // --- orders ---

    // The orders of one hidden button go one after the other: gradio loses the second of two that come at once.
    function ask(to, text) {
        const line = waiting.get(to) || [];
        waiting.set(to, line);
        if (!line.some((order) => order.text === text)) {
            asked += 1;
            line.push({ number: String(asked), text, since: 0 });
            sendFirst(to);
        }
    }

    function sendFirst(to) {
        const [first] = waiting.get(to);
        // Gradio 6 makes what is in a tab when the tab is opened: an order for it waits until then.
        if (first && !first.since && press(to)) {
            first.since = Date.now();
        }
    }

    function isAnswered(to, order) {
        const field = page().querySelector(`[id="${to}_text"] :is(textarea, input)`);
        return !field || field.value === order.number || Date.now() - order.since > ANSWERED_WITHIN;
    }

    function goOnWithOrders() {
        for (const [to, line] of waiting) {
            if (line.length && line[0].since && isAnswered(to, line[0])) {
                line.shift();
            }
            sendFirst(to);
        }
    }

    // An order's answer replaces the HTML that its button stood in; the keyboard goes on from the new button.
    function giveFocusBack() {
        if (!lost || lost.isConnected || document.activeElement !== document.body) {
            return;
        }
        const { easyphotoOrder, easyphotoTo } = lost.dataset;
        for (const button of page().querySelectorAll("[data-easyphoto-order]")) {
            if (button.dataset.easyphotoOrder === easyphotoOrder && button.dataset.easyphotoTo === easyphotoTo) {
                button.focus();
            }
        }
        lost = null;
    }

    // Marks that a handler's answer brings: a link that they are or name is followed, any other is scrolled to. By token,
    // because some versions of gradio make the same link of the same file; a look later, when that is there.
    function followMarks() {
        for (const mark of page().querySelectorAll("[data-easyphoto-once]")) {
            if (!followed.has(mark.dataset.easyphotoOnce)) {
                followed.add(mark.dataset.easyphotoOnce);
                setTimeout(follow, LOOK_EVERY, mark);
            }
        }
    }

    function follow(mark) {
        const named = mark.dataset.easyphotoLink;
        const link = named ? page().querySelector(`[id="${named}"] a[href]`) : mark.closest("a");
        if (link) {
            link.click();
        } else if (mark.parentElement) {
            mark.parentElement.scrollIntoView({ block: "center" });
        }
    }

    // Records hold UTC; people want their own clock.
    function showLocalTimes() {
        for (const time of page().querySelectorAll('[id^="easyphoto_"] time[datetime]:not([data-easyphoto-local])')) {
            const at = new Date(time.dateTime);
            time.dataset.easyphotoLocal = "";
            if (!Number.isNaN(at.getTime())) {
                const isToday = at.toDateString() === new Date().toDateString();
                const said = isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
                time.textContent = new Intl.DateTimeFormat(time.closest("[lang]").lang || undefined, said).format(at);
                time.title = at.toLocaleString();
            }
        }
    }

    // Gradio 3 makes folds and file drops of bare divs, which no keyboard reaches, and gives the number beside a slider no
    // name; no version's file drop says what it is for, nor its shown picture which one it is.
    function reachForKeyboard() {
        for (const part of page().querySelectorAll('[id^="easyphoto_"] div.label-wrap:not([tabindex])')) {
            makeButton(part, "easyphotoFold");
        }
        for (const part of page().querySelectorAll('[id^="easyphoto_"] [data-testid="block-label"] ~ :has(> input[type="file"]):not([data-easyphoto-named])')) {
            const title = part.parentElement.querySelector('[data-testid="block-label"]');
            part.dataset.easyphotoNamed = "";
            part.setAttribute("aria-label", `${title.textContent.trim()}. ${part.textContent.trim()}`);
            if (!part.matches("button")) {
                makeButton(part, "easyphotoDrop");
            }
        }
        for (const picture of page().querySelectorAll('[id^="easyphoto_"] .image-container button:not([aria-label])')) {
            const title = picture.closest(".block").querySelector('[data-testid="block-label"]');
            picture.setAttribute("aria-label", title ? title.textContent.trim() : "EasyPhoto");
        }
        for (const fold of page().querySelectorAll('[id^="easyphoto_"] .label-wrap')) {
            fold.setAttribute("aria-expanded", String(fold.classList.contains("open")));
        }
        for (const number of page().querySelectorAll('[id^="easyphoto_"] input[type="number"]:not([aria-label])')) {
            const title = number.closest(".block") && number.closest(".block").querySelector('[data-testid="block-info"]');
            if (title && !number.labels.length) {
                number.setAttribute("aria-label", title.textContent.trim());
            }
        }
    }

    function makeButton(part, kind) {
        part.tabIndex = 0;
        part.setAttribute("role", "button");
        part.dataset[kind] = "";
    }

    // A div with the role of a button is pressed as a button is.
    function pressByKey(event) {
        const part = event.composedPath()[0];
        if ((event.key !== "Enter" && event.key !== " ") || !(part instanceof Element)) {
            return;
        }
        if (part.matches("[data-easyphoto-fold], [data-easyphoto-drop]")) {
            event.preventDefault();
            (part.querySelector('input[type="file"]') || part).click();
        }
    }

    // The tabs speak their own language in any host's page; standing alone the whole page does.
    function tellLanguage() {
        const said = page().querySelector("#easyphoto_language [lang]");
        const tabs = page().querySelector("#easyphoto_tabs");
        const spoken = page().querySelector("#easyphoto_head") ? document.documentElement : tabs;
        // Gradio sets the browser's language again when it has loaded its own words.
        if (said && spoken && spoken.lang !== said.lang) {
            spoken.lang = said.lang;
        }
    }

    // At once, or a card that is renewed every other second would blink between two clocks. In our tabs alone: a host's
    // page changes all the time.
    function watchTimes() {
        const tabs = page().querySelector("#easyphoto_tabs");
        if (tabs && tabs !== watched) {
            watched = tabs;
            new MutationObserver(showLocalTimes).observe(tabs, { childList: true, subtree: true });
        }
    }

    function look() {
        looks += 1;
        if (isAway) {
            ping();
        } else if (looks % (document.hidden ? LOOKS_PER_TICK_HIDDEN : LOOKS_PER_TICK) === 0) {
            tickActiveCards();
        }
        tellProgress();
        if (document.hidden) {
            return;
        }
        tellLanguage();
        greetNewCards();
        renewOpenedTabs();
        bringFieldsBack();
        offerNotifying();
        giveFocusBack();
        showLocalTimes();
        watchTimes();
        followMarks();
        reachForKeyboard();
        announceChanges();
    }

    // From a fold of another tab of the host, its tab EasyPhoto comes first.
    function openHostTab(tabs) {
        const panel = tabs && tabs.closest("#tab_easyphoto");
        if (panel && panel.getClientRects().length === 0) {
            const at = Array.from(panel.parentElement.children).filter((each) => each.id.startsWith("tab_")).indexOf(panel);
            const buttons = page().querySelectorAll("#tabs > .tab-nav > button");
            if (buttons[at]) {
                buttons[at].click();
                window.scrollTo({ top: 0 });
            }
        }
    }

    // Gradio 4 and later name a tab's button after the tab; in gradio 3 the buttons stand in the order of the tabs.
    function openTab(id) {
        const tabs = page().querySelector("#easyphoto_tabs");
        if (!tabs) {
            return;
        }
        openHostTab(tabs);
        const named = Array.from(tabs.querySelectorAll(`button[id="easyphoto_tab_${id}-button"]`));
        const panels = Array.from(tabs.querySelectorAll('div[id^="easyphoto_tab_"]'));
        const at = panels.findIndex((panel) => panel.id === `easyphoto_tab_${id}`);
        const nav = Array.from(tabs.querySelectorAll(".tab-nav > button"));
        const ordered = nav.filter((button) => !panels.some((panel) => panel.contains(button)));
        const button = named.find((each) => each.getClientRects().length > 0) || named[0] || ordered[at];
        if (button) {
            button.click();
            button.scrollIntoView({ block: "nearest" });
        }
    }

    function isSecondOfDouble(event, action) {
        const before = pressed.get(action) || 0;
        const now = Date.now();
        // Systems can be set to wait longer for the second click; they count it.
        if (now - before < (event.detail > 1 ? COUNTED_DOUBLE_IN : PRESSED_ONCE_IN)) {
            return true;
        }
        pressed.set(action, now);
        return false;
    }

    function onClick(event) {
        const at = event.composedPath()[0];
        if (!(at instanceof Element)) {
            return;
        }
        if (event.isTrusted && at.closest('[id^="easyphoto_"] button, [id^="easyphoto_"] input')) {
            ping();
        }
        const action = at.closest(ACTIONS);
        if (action && isSecondOfDouble(event, action)) {
            event.stopImmediatePropagation();
            event.preventDefault();
            return;
        }
        if (action) {
            noteName(action);
        }
        if (at.closest("[data-easyphoto-notify]")) {
            allowNotifying();
        }
        const opening = at.closest("[data-easyphoto-tab]");
        if (opening) {
            openTab(opening.dataset.easyphotoTab);
        }
        const order = at.closest("[data-easyphoto-order]");
        const place = order ? order.closest("[data-easyphoto-show]") : null;
        if (place) {
            page().querySelector(`[id="${place.dataset.easyphotoShow}"]`).scrollIntoView({ block: "nearest" });
        }
        if (order) {
            lost = order;
            ask(order.dataset.easyphotoTo, order.dataset.easyphotoOrder);
        }
    }

    // Arrow keys walk through the pictures of a gallery.
    function onKey(event) {
        const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
        const from = event.composedPath()[0];
        const gallery = from instanceof Element && from.closest(".easyphoto-gallery");
        if (!gallery || !from.matches("button") || !(event.key in steps || event.key === "Home" || event.key === "End")) {
            return;
        }
        const buttons = Array.from(gallery.querySelectorAll("button")).filter((each) => each.querySelector("img"));
        const at = buttons.indexOf(from);
        if (at < 0) {
            return;
        }
        const to = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : at + steps[event.key];
        if (buttons[to]) {
            event.preventDefault();
            buttons[to].focus();
        }
    }

    // Photos that nothing has come of yet are shown again to the browser that brought them, and to no other one.
    function rememberBrowser() {
        if (!/(^|; )easyphoto_browser=/.test(document.cookie)) {
            const bytes = Array.from(crypto.getRandomValues(new Uint8Array(16)));
            const token = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
            document.cookie = `easyphoto_browser=${token}; path=/; max-age=31536000; samesite=strict`;
        }
    }

    rememberBrowser();
    window.easyphoto = {
        takeOrder(to) {
            const [first] = waiting.get(to) || [];
            return first ? `${first.number}\n${first.text}` : "";
        },
    };
    document.addEventListener("click", onClick, true);
    document.addEventListener("keydown", onKey);
    document.addEventListener("keydown", pressByKey);
    document.addEventListener("input", noteTyping, true);
    document.addEventListener("change", keepFields);
    for (const type of ["pointerdown", "keydown", "visibilitychange"]) {
        document.addEventListener(type, onSeen, true);
    }
    window.addEventListener("pagehide", keepFields);
    setInterval(look, LOOK_EVERY);
    setInterval(goOnWithOrders, ANSWERS_EVERY);
})();

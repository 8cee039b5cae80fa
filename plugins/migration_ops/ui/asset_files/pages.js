// Three things that a page can't do by itself: follow Airflow's colours, open links in Airflow around its frame,
// and look again now and then, or say that this fails.
"use strict";

const framed = window.parent !== window;
const outside = framed ? window.parent.document : null;
document.documentElement.toggleAttribute("data-framed", framed);

function followTheme() {
  const dark = outside ? outside.documentElement.classList.contains("dark") : null;
  const chosen = dark === null ? localStorage.getItem("theme") : dark ? "dark" : "light";
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}
followTheme();
if (outside) {
  new MutationObserver(followTheme).observe(outside.documentElement, { attributes: true, attributeFilter: ["class"] });
}

// A report has no script of its own: it is asked for in the colours that are chosen now.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href$="/report"]');
  if (link && document.documentElement.dataset.theme) link.search = `?theme=${document.documentElement.dataset.theme}`;
});

// The frame may not navigate the window around it, but a link that lies in that window may.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || !outside || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const twin = outside.createElement("a");
  twin.href = link.href;
  outside.body.append(twin);
  twin.click();
  twin.remove();
});

// Figures that look live and aren't would mislead: a look that fails is told until one works again.
let lastLook = new Date();
function sayStale(status) {
  const note = document.getElementById("stale");
  const since = `${lastLook.toISOString().slice(11, 19)} UTC`;
  const reason = status === null ? "" : status === 401 ? "You are logged out." : status === 403
    ? "You may not see this any more." : status === 404 ? "There is no such page any more." : status ? `Airflow answered ${status}; the page looks again by itself.`
    : "Airflow's API server doesn't answer; the page looks again by itself.";
  const text = reason && `Not updated since ${since}. ${reason}`;
  if (note.dataset.text === text || (!text && !note.dataset.text)) return; // said already: screen readers needn't again
  note.dataset.text = text;
  note.textContent = text;
  if (status !== 401) return;
  const login = document.createElement("a");
  const back = outside ? window.parent.location : location;
  login.href = `${note.dataset.login}?${new URLSearchParams({ next: back.pathname + back.search })}`;
  login.dataset.airflow = "";
  login.textContent = "Log in again";
  note.append(" ", login);
}

// Parts that change are fetched again: those that say so now and then, those that wait for an answer soon.
async function lookAgain() {
  const parts = [...document.querySelectorAll("[data-refresh][id]")];
  if (!parts.length || document.hidden) return;
  let text;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    const unknown = answer.status === 503 && answer.headers.has("retry-after"); // our own page, which says what is missing
    if (!answer.ok && !unknown) return sayStale(answer.status);
    text = await answer.text();
  } catch {
    return sayStale(0); // the next look may do
  }
  lastLook = new Date();
  sayStale(null);
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of parts) {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const scrolled = [...part.querySelectorAll("[tabindex='0']")].map((one) => [one.scrollLeft, one === document.activeElement]);
    const unfolded = [...part.querySelectorAll("details")].map((one) => one.open);
    part.innerHTML = other.innerHTML;
    part.querySelectorAll("details").forEach((one, number) => { one.open = unfolded[number] ?? one.open; });
    part.dataset.refresh = other.dataset.refresh;
    [...part.querySelectorAll("[tabindex='0']")].slice(0, scrolled.length).forEach((one, number) => {
      one.scrollLeft = scrolled[number][0];
      if (scrolled[number][1]) one.focus({ preventScroll: true });
    });
    if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}
function schedule() {
  const parts = [...document.querySelectorAll("[data-refresh][id]")];
  if (!parts.length) return;
  const waits = document.querySelector("[data-again]") ? [1] : parts.map((part) => Number(part.dataset.refresh) || 10);
  setTimeout(async () => { await lookAgain(); schedule(); }, 1000 * Math.min(...waits));
}
schedule();

// Search as one types; without this script the button does it.
for (const field of document.querySelectorAll("form.search input[type=search]")) {
  let timer;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const address = `${location.pathname}?${new URLSearchParams(new FormData(field.form))}`;
      history.replaceState(null, "", address);
      await lookAgain();
    }, 250);
  });
}
for (const choice of document.querySelectorAll("form.search select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

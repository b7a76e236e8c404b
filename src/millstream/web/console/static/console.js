// What pages need in the browser: times in the zone of whoever looks, copying, the theme, signing out, and one key.
"use strict";
(() => {
  const two = (number) => String(number).padStart(2, "0");
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function ago(seconds) {
    const ahead = seconds < 0, whole = Math.abs(seconds);
    if (whole < 5) return "now";
    for (const [size, unit] of units) {
      if (whole >= size) {
        const words = `${Math.floor(whole / size)} ${unit}`;
        return ahead ? `in ${words}` : `${words} ago`;
      }
    }
    return "now";
  }

  function at(when) {
    const today = new Date();
    const clock = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
    const isToday = when.toDateString() === today.toDateString();
    return isToday ? clock : `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${clock}`;
  }

  function tellTime(node) {
    const text = node.getAttribute("datetime");
    const when = new Date(text);
    if (Number.isNaN(when.getTime())) return;
    const seconds = (Date.now() - when.getTime()) / 1000;
    const how = node.dataset.ms;
    const said = how === "ago" ? ago(seconds) : how === "at" ? at(when) : `${at(when)} (${ago(seconds)})`;
    if (node.textContent !== said) node.textContent = said;
    const exact = `${when.toISOString().replace("T", " ").slice(0, 19)} UTC`;
    if (node.title !== exact) node.title = exact;
  }

  // A part that is drawn anew has other elements: whoever stood at one by keyboard goes on at the one in its place.
  // Whoever closes a dialog goes on where it was opened. What is gone for good leaves them in the page's content.
  let stoodAt = null, stoodBefore = null;
  const twins = (tag, href, label) => [...document.querySelectorAll(tag)].filter(
    (node) => node.getAttribute("href") === href && (label === null || labelOf(node) === label));
  const labelOf = (node) => node.getAttribute("aria-label") ?? node.textContent;
  function remember(event) {
    const target = event.target.closest(".q-btn") ?? event.target; // a button pressed by mouse keeps the focus inside
    const tag = target.tagName, href = target.getAttribute("href"), label = href === null ? labelOf(target) : null;
    const isInDialog = target.closest(".q-dialog") !== null;
    stoodAt = { target, tag, href, label, isInDialog, at: twins(tag, href, label).indexOf(target) };
    if (!isInDialog) stoodBefore = stoodAt;
  }
  function inPlaceOf({ target, tag, href, label, at }) {
    if (target.isConnected) return target;
    const there = twins(tag, href, label);
    return there[Math.min(at, there.length - 1)];
  }
  function keepFocus() {
    if (!stoodAt || stoodAt.target.isConnected || document.activeElement !== document.body) return;
    const place = stoodAt.isInDialog ? stoodBefore : stoodAt;
    ((place && inPlaceOf(place)) ?? document.getElementById("content"))?.focus({ preventScroll: true });
  }
  document.addEventListener("focusin", remember);

  const tellTimes = () => document.querySelectorAll("time[data-ms]").forEach(tellTime);
  let isPlanned = false;
  function plan() {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(() => { isPlanned = false; tellTimes(); keepFocus(); });
  }

  async function copy(button) {
    const text = button.dataset.text;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const says = button.lastElementChild, before = says.textContent;
    if (before === "Copied") return;
    says.textContent = "Copied";
    setTimeout(() => { says.textContent = before; }, 1500);
  }

  const themes = ["auto", "light", "dark"];
  function nextTheme() {
    const now = /(?:^|; )millstream_theme=(\w+)/.exec(document.cookie)?.[1] ?? "auto";
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    document.cookie = `millstream_theme=${next}; path=/; max-age=31536000; samesite=lax`;
    Quasar.Dark.set(next === "auto" ? "auto" : next === "dark");
    Quasar.Notify.create({ message: next === "auto" ? "As the system" : next === "dark" ? "Dark" : "Light", timeout: 900, position: "top" });
  }

  async function signOut() {
    const answer = await fetch("/api/session");
    if (answer.ok) {
      const myself = await answer.json();
      await fetch("/api/session", { method: "DELETE", headers: { "x-csrf-token": myself.csrf_token } });
    }
    location.assign("/console/sign-in");
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("[data-ms]");
    if (!target) return;
    if (target.dataset.ms === "copy") copy(target);
    else if (target.dataset.ms === "theme") nextTheme();
    else if (target.dataset.ms === "sign-out") signOut();
  });

  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      document.getElementById("any-number")?.focus();
    }
  });

  // In the lanes of an order: left and right by time, up and down to the lane beside.
  function nextPiece(here, key) {
    const lanes = here.closest("[data-lanes]");
    const middle = (node) => { const box = node.getBoundingClientRect(); return box.left + box.width / 2; };
    if (key === "ArrowUp" || key === "ArrowDown") {
      let lane = here.closest(".ms-lane");
      do lane = key === "ArrowUp" ? lane.previousElementSibling : lane.nextElementSibling;
      while (lane && !lane.querySelector("[data-n]"));
      const away = (node) => Math.abs(middle(node) - middle(here));
      return lane && [...lane.querySelectorAll("[data-n]")].sort((a, b) => away(a) - away(b))[0];
    }
    const pieces = [...lanes.querySelectorAll("[data-n]")].sort((a, b) => a.dataset.n - b.dataset.n);
    if (key === "Home") return pieces[0];
    if (key === "End") return pieces.at(-1);
    return pieces[pieces.indexOf(here) + (key === "ArrowLeft" ? -1 : 1)];
  }

  document.addEventListener("keydown", (event) => {
    const here = event.target.closest?.("[data-lanes] [data-n]");
    if (!here || !/^(Arrow|Home$|End$)/.test(event.key)) return;
    event.preventDefault();
    const next = nextPiece(here, event.key);
    if (!next) return;
    here.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  new MutationObserver(plan).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["datetime"] });
  setInterval(tellTimes, 5000);
  plan();
})();

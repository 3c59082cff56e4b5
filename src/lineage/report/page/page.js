"use strict";
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

// Light or dark: what the system says, until the button is pressed.
const root = document.documentElement;
const theme = one("#theme");
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);
const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
systemIsDark.addEventListener("change", nameTheme);
nameTheme();

// One card at a time: the one that the address names.
function showTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const card = target?.closest(".card") ?? null;
  if (card || !location.hash) {
    for (const other of all(".card")) other.hidden = other !== card;
    const name = card?.id.slice("card-".length);
    for (const node of all(".node")) node.setAttribute("aria-current", String(node.dataset.node === name));
    for (const edge of all(".edge")) edge.classList.toggle("near", name !== undefined && (edge.dataset.parent === name || edge.dataset.child === name));
  }
  if (target?.matches("details")) target.open = true;
  if (card) card.focus({preventScroll: true});
  target?.scrollIntoView();
}
for (const card of all(".card")) card.hidden = true;
addEventListener("hashchange", showTarget);
// A second click on the same link changes no address.
addEventListener("click", (event) => {
  if (event.target.closest?.("a[href^='#']")?.getAttribute("href") === location.hash) showTarget();
});

// Charts are drawn when they come near the window.
const drawn = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (!isIntersecting) continue;
    drawn.unobserve(target);
    const spec = JSON.parse(one("script", target).textContent);
    const options = {renderer: "svg", downloadFileName: target.id, actions: {export: true, source: false, compiled: false, editor: false}};
    vegaEmbed(one(".drawn", target), spec, options)
      .then(() => { target.dataset.chart = "drawn"; }, (error) => console.error(target.id, error));
  }
}, {rootMargin: "400px"});
for (const figure of all("figure[data-chart]")) drawn.observe(figure);

// Filters of the matrix and of the claims.
one("#family")?.addEventListener("change", ({target}) => {
  for (const cell of all(".matrix [class^='f']")) cell.hidden = target.value !== "" && !cell.classList.contains(target.value);
});
one("#verdict")?.addEventListener("change", ({target}) => {
  for (const claim of all(".claim")) claim.hidden = target.value !== "" && claim.dataset.verdict !== target.value;
});

// The example browser.
const filters = one("#filters");
if (filters) {
  const AT_ONCE = 10;
  const {models, prompts} = JSON.parse(one("#examples-data").textContent);
  const taskOf = (prompt) => `${prompt.set}: ${prompt.task}`;
  const kindOf = (prompt) => (prompt.harmful === null ? "fact" : prompt.harmful ? "harm" : "help");
  const fill = (select, values) => { for (const value of new Set(values)) select.append(make("option", value, {value})); };
  filters.task.append(make("option", "all", {value: ""}));
  fill(filters.task, prompts.map(taskOf));
  fill(filters.model, models);
  fill(filters.outcome, prompts.flatMap((prompt) => prompt.answers.map((answer) => answer[2])).sort());
  let limit = AT_ONCE;

  const answersOf = (prompt) => prompt.answers.filter(([model, , outcome]) =>
    (!filters.model.value || models[model] === filters.model.value) && (!filters.outcome.value || outcome === filters.outcome.value));
  const fits = (prompt) => {
    const wanted = filters.text.value.toLowerCase();
    return (!filters.task.value || taskOf(prompt) === filters.task.value)
      && (!filters.kind.value || kindOf(prompt) === filters.kind.value)
      && answersOf(prompt).length > 0
      && (!wanted || [prompt.prompt, prompt.target, ...answersOf(prompt).map((answer) => answer[1])].some((text) => text.toLowerCase().includes(wanted)));
  };
  const show = (prompt) => {
    const article = make("article", "", {class: "prompt"});
    const kind = {harm: ", asks for harm", help: ", asks for no harm", fact: ""}[kindOf(prompt)];
    article.append(make("h3", `${taskOf(prompt)}${kind}`));
    const asked = make("div", "", {class: "asked"});
    for (const picture of prompt.pictures) asked.append(make("img", "", {src: picture, alt: "Picture of the prompt"}));
    asked.append(make("pre", prompt.prompt));
    article.append(asked);
    if (prompt.target) article.append(make("p", `A right answer holds: ${prompt.target}`, {class: "note"}));
    const table = make("table", "", {class: "plain"});
    const body = make("tbody");
    for (const [model, output, outcome] of answersOf(prompt)) {
      const row = make("tr");
      const cell = make("td");
      cell.append(make("span", outcome, {class: `outcome ${outcome}`}));
      row.append(make("th", models[model], {scope: "row"}), cell, make("td", output));
      body.append(row);
    }
    table.append(body);
    article.append(table);
    return article;
  };
  const render = () => {
    const found = prompts.filter(fits);
    one("#prompts").replaceChildren(...found.slice(0, limit).map(show));
    one("#found").textContent = `${Math.min(limit, found.length)} of ${found.length} prompts shown`;
    one("#more").hidden = found.length <= limit;
  };
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", () => { limit = AT_ONCE; render(); });
  one("#more").addEventListener("click", () => { limit += AT_ONCE; render(); });
  render();
}
showTarget();

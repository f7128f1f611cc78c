// Tells what the requests of this page load did on the wire.
//
// The server remembers the last exchanges of this client and gives them as /wire.json. Everything in there was
// once said by a peer, so it enters the page as text only, never as markup.

const FACTS = "/wire.json";
const SVG = "http://www.w3.org/2000/svg";
const ASKS_MAX = 8;
const LATE_MILLIS = 1500; // Browsers fetch the icon when all else is done.
const NARROW_PIXELS = 620;

const PHRASES = {
  200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified",
  400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 412: "Precondition Failed",
  414: "URI Too Long", 416: "Range Not Satisfiable", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
  501: "Not Implemented", 503: "Service Unavailable", 505: "HTTP Version Not Supported",
};

const KINDS = {
  content: "2xx, with content",
  validated: "304, validated without content",
  redirect: "other 3xx",
  refused: "4xx",
  failed: "5xx",
  other: "other",
};

const at = (id) => document.getElementById(id);
const tiles = [...at("tiles").querySelectorAll("img")];
const whole = new Intl.NumberFormat("en");

let shown = { list: [], rows: [], chosen: 0 };

// ---- asking ------------------------------------------------------------------------------------------

/** The facts, checked, and the time of the server at which this page load began. */
async function ask() {
  const answer = await fetch(FACTS, { cache: "no-store", headers: { accept: "application/json" } });
  const elapsed = performance.now();
  if (!answer.ok) throw new Error("the server answers " + answer.status);
  const facts = await answer.json();
  if (!facts || !Array.isArray(facts.exchanges)) throw new Error("the answer holds no exchanges");
  // The two clocks need not agree: what counts is how long ago this load began.
  const began = Number(facts.now) - elapsed - 1;
  const list = facts.exchanges.map(exchange).filter((x) => x.at >= began && !isOwnQuestion(x.target));
  return { began, list };
}

function exchange(raw) {
  const x = raw && typeof raw === "object" ? raw : {};
  const number = (value) => (Number.isFinite(Number(value)) ? Number(value) : 0);
  const text = (value) => (value === undefined || value === null ? "" : String(value).slice(0, 2000));
  return {
    connection: number(x.connection), number: number(x.number), method: text(x.method), target: text(x.target), status: number(x.status),
    octets: number(x.octets), at: number(x.at), micros: number(x.micros), end: text(x.request_end), endRule: text(x.request_end_rule),
    fate: text(x.fate), fateRule: text(x.fate_rule),
  };
}

const isOwnQuestion = (target) => target === FACTS || target.startsWith(FACTS + "?");

/** Asks until two answers agree: an exchange is recorded only when it is over. */
async function settle() {
  let last = -1;
  for (let asked = 0; asked < ASKS_MAX; asked += 1) {
    const facts = await ask();
    const complete = tiles.every((tile) => facts.list.some((x) => x.target === targetOf(tile)));
    show(facts);
    if (facts.list.length === last && (complete || asked > 3)) break;
    last = facts.list.length;
    await pause(120 * (asked + 1));
  }
}

const pause = (millis) => new Promise((done) => setTimeout(done, millis));

function targetOf(image) {
  const url = new URL(image.src);
  return url.pathname + url.search;
}

// ---- showing -----------------------------------------------------------------------------------------

function show({ began, list }) {
  const rows = [...new Set(list.map((x) => x.connection))].sort((a, b) => a - b);
  const kept = shown.list.length === list.length ? shown.chosen : Math.max(0, list.findIndex((x) => x.target === targetOf(tiles[0])));
  shown = { list, rows, began, chosen: kept };
  at("again").hidden = false;
  if (list.length === 0) {
    at("verdict").textContent = "The server has no exchange of this load on record: everything came out of the browser’s own store. Load again, and it will ask.";
    return;
  }
  const opened = rows.filter((row) => list.some((x) => x.connection === row && x.number === 1)).length;
  const pictures = tiles.map((tile) => list.findLast((x) => x.target === targetOf(tile))).filter(Boolean);
  const count = {
    content: list.filter((x) => kindOf(x) === "content").length,
    validated: list.filter((x) => kindOf(x) === "validated").length,
    picturesWithContent: pictures.filter((x) => kindOf(x) === "content").length,
    picturesValidated: pictures.filter((x) => kindOf(x) === "validated").length,
  };
  at("connections").textContent = String(rows.length);
  at("requests").textContent = String(list.length);
  at("with-content").textContent = String(count.content);
  at("validated").textContent = String(count.validated);
  const sent = list.filter((x) => kindOf(x) !== "validated").reduce((sum, x) => sum + x.octets, 0);
  const saved = savedOctets(list.filter((x) => kindOf(x) === "validated"));
  showOctets(sent, saved);
  showVerdict(rows.length, list.length, count);
  showLegend(list);
  at("wire-lead").textContent = lead(rows.length, opened, list.length);
  showReasons("fates", list.map((x) => [x.fate, x.fateRule]));
  showReasons("ends", list.map((x) => [x.end, x.endRule]));
  showTable();
  for (const id of ["figures", "octets", "wire", "why"]) at(id).hidden = false;
  draw();
}

function showVerdict(connections, requests, count) {
  const all = tiles.length;
  const over = plural(requests, "request") + " over " + plural(connections, "connection");
  let text, hint;
  if (count.picturesValidated === all) {
    text = `Your browser sent ${over}. It had a copy of all ${all} images, asked whether each was still good, and was told so ${all} times: 304, no content.`;
    hint = "It stays so, load after load, until an image changes.";
  } else if (count.picturesWithContent === all) {
    text = `Your browser sent ${over}. All ${all} images came with their content: 200.`;
    hint = "See what changes when your browser has a copy of each.";
  } else {
    text = `Your browser sent ${over}. Of the ${all} images, ${count.picturesWithContent} came with content (200) and ${count.picturesValidated} were validated without (304).`;
    hint = "Load again to validate all of them.";
  }
  if (at("verdict").textContent !== text) at("verdict").textContent = text;
  at("hint").textContent = hint;
}

function lead(connections, opened, requests) {
  const each = requests / connections;
  const average = Number.isInteger(each) ? String(each) : "about " + each.toFixed(0);
  const origin = opened === 0 ? "None of them was opened for this load: all were kept from before."
    : opened === connections ? (opened === 1 ? "It was opened for this load." : "All were opened for this load.")
    : `${opened} opened for this load, ${connections - opened} kept from before.`;
  return `Each row is one TCP connection, each mark one exchange on it: ${average} to a connection. ${origin}`;
}

function showOctets(sent, saved) {
  at("octets-sent").textContent = whole.format(sent);
  at("octets-saved").textContent = whole.format(saved);
  for (const [id, octets] of [["octets-sent-bar", sent], ["octets-saved-bar", saved]]) {
    at(id).classList.toggle("none", octets === 0);
    at(id).style.setProperty("flex-grow", String(octets));
  }
}

/** What the validated answers would have carried: the sizes of the copies they allowed the browser to use. */
function savedOctets(validated) {
  const sizes = new Map();
  for (const entry of [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]) {
    const url = new URL(entry.name, location.href);
    if (entry.encodedBodySize > 0) sizes.set(url.pathname + url.search, entry.encodedBodySize);
  }
  return validated.reduce((sum, x) => sum + (sizes.get(x.target) ?? 0), 0);
}

function showLegend(list) {
  const counts = Object.keys(KINDS).map((kind) => [kind, list.filter((x) => kindOf(x) === kind).length]);
  const told = counts.filter(([kind, count]) => count > 0 || kind === "content" || kind === "validated");
  at("legend").replaceChildren(...told.map(([kind, count]) => {
    const item = element("li");
    const picture = drawn("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" });
    picture.append(mark(kind, 0, 0, 11));
    item.append(picture, `${KINDS[kind]}: ${count}`);
    return item;
  }));
}

function showReasons(id, pairs) {
  const groups = new Map();
  for (const pair of pairs) {
    const key = JSON.stringify(pair);
    groups.set(key, (groups.get(key) ?? 0) + 1);
  }
  const sorted = [...groups].sort((a, b) => b[1] - a[1]);
  at(id).replaceChildren(...sorted.map(([key, count]) => {
    const [what, rule] = JSON.parse(key);
    const item = element("li");
    item.append(element("span", count + "×", "times"), element("span", what || "not told", "what"), ruleText(rule));
    return item;
  }));
}

function showTable() {
  at("all-title").textContent = `All ${shown.list.length} exchanges as a table`;
  at("all").replaceChildren(...shown.list.map((x) => {
    const row = element("tr");
    const cells = [since(x), x.connection, x.number, x.method, x.target, x.status, whole.format(x.octets), took(x)];
    row.append(...cells.map((cell) => element("td", String(cell))));
    return row;
  }));
}

/** One exchange in full. */
function choose(index) {
  if (shown.list.length === 0) return;
  shown.chosen = Math.min(Math.max(index, 0), shown.list.length - 1);
  const x = shown.list[shown.chosen];
  const status = element("p");
  status.append(element("span", `${x.status} ${PHRASES[x.status] ?? ""}`.trim(), "status " + kindOf(x)));
  at("exchange").replaceChildren(
    element("p", "→", "sign"), element("p", `${x.method} ${x.target}`), element("p", `connection ${x.connection}, its request ${x.number}`, "fact"),
    element("p", "←", "sign"), status, element("p", `${since(x)}, took ${took(x)}, ${plural(x.octets, "octet")} of content`, "fact"),
    element("p", "⊣", "sign"), element("p", "the request ended: " + (x.end || "not told")), ruleText(x.endRule, "fact"),
    element("p", "∞", "sign"), element("p", "the connection is " + (x.fate || "not told")), ruleText(x.fateRule, "fact"),
  );
  const line = at("timeline");
  line.setAttribute("aria-valuemax", String(shown.list.length));
  line.setAttribute("aria-valuenow", String(shown.chosen + 1));
  line.setAttribute("aria-valuetext", `${x.method} ${x.target}, ${x.status} ${PHRASES[x.status] ?? ""}, connection ${x.connection}, request ${x.number}`);
  for (const tile of tiles) tile.classList.toggle("chosen", line.matches(":focus-visible, :hover") && targetOf(tile) === x.target);
  point();
}

/** Shows which images came over one connection, or ends that. */
function trace(connection) {
  const targets = new Set(shown.list.filter((x) => x.connection === connection).map((x) => x.target));
  const any = connection !== null && tiles.some((tile) => targets.has(targetOf(tile)));
  at("tiles").classList.toggle("tracing", any);
  for (const tile of tiles) tile.classList.toggle("traced", any && targets.has(targetOf(tile)));
  for (const row of at("timeline").querySelectorAll("g[data-connection]")) row.classList.toggle("quiet", any && row.dataset.connection !== String(connection));
}

// ---- drawing -----------------------------------------------------------------------------------------

// Every exchange has a step of its own along the time axis, in the order of the record; a row is a connection.
// On a narrow page the time axis runs down, so that a mark never gets too small to know its shape.
let plan = null;

function draw() {
  const width = Math.max(260, at("timeline").clientWidth);
  const upright = width < NARROW_PIXELS;
  const count = shown.list.length;
  const digits = String(shown.rows[shown.rows.length - 1]).length;
  const label = upright ? 64 : 138 + 9 * digits;
  const step = upright ? Math.max(10, Math.min(16, 640 / count)) : (width - label - 14) / count;
  const pitch = upright ? Math.min(64, (width - label) / shown.rows.length) : 34;
  const head = upright ? 34 : 6;
  const size = Math.max(4, Math.min(12, step * .8, pitch * .6));
  const along = (i) => (upright ? head : label) + (i + .5) * step;
  const across = (row) => (upright ? label : head) + (row + .5) * pitch;
  const place = (i, row) => (upright ? [across(row), along(i)] : [along(i), across(row)]);
  const length = along(count - 1) + step;
  const height = upright ? length : head + shown.rows.length * pitch + 26;
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  plan = { upright, step, label, head, pitch, place, width, height };

  for (const i of ticks(count, upright ? 80 / step : 110 / step)) {
    const far = head + shown.rows.length * pitch;
    const text = since(shown.list[i]);
    if (upright) {
      picture.append(drawn("line", { class: "tick", x1: label - 6, x2: width, y1: along(i), y2: along(i) }), drawn("text", { x: label - 12, y: along(i) + 4, "text-anchor": "end" }, text));
    } else {
      picture.append(drawn("line", { class: "tick", x1: along(i), x2: along(i), y1: 0, y2: far }), drawn("text", { x: along(i), y: far + 19, "text-anchor": i === 0 ? "start" : i === count - 1 ? "end" : "middle" }, text));
    }
  }
  picture.append(drawn("rect", { class: "cursor", id: "cursor", rx: 4 }));
  shown.rows.forEach((connection, row) => picture.append(drawRow(connection, row, size)));
  at("timeline").replaceChildren(picture);
  at("axis-note").textContent = `${upright ? "Downwards" : "Left to right"}: one exchange after the other as the server recorded them, with the time since the load began.`;
  choose(shown.chosen);
}

function drawRow(connection, row, size) {
  const { upright, place, label, head } = plan;
  const group = drawn("g", { "data-connection": String(connection) });
  const own = shown.list.map((x, i) => [x, i]).filter(([x]) => x.connection === connection);
  const [firstX, firstY] = place(own[0][1], row);
  const [lastX, lastY] = place(own[own.length - 1][1], row);
  const opened = own[0][0].number === 1;
  if (upright) {
    group.append(drawn("text", { class: "row-name", x: firstX, y: 14, "text-anchor": "middle" }, (connection < 1000 ? "№ " : "") + connection), drawn("text", { x: firstX, y: 29, "text-anchor": "middle" }, own.length + "×"));
  } else {
    const name = drawn("text", { class: "row-name", x: 0, y: firstY + 4 }, "connection " + connection);
    group.append(name, drawn("text", { x: label - 14, y: firstY + 4, "text-anchor": "end" }, own.length + "×"));
  }
  if (!opened) group.append(drawn("line", { class: "wire before", x1: upright ? firstX : label - 4, y1: upright ? head : firstY, x2: firstX, y2: firstY }));
  group.append(drawn("line", { class: "wire", x1: firstX, y1: firstY, x2: lastX, y2: lastY }));
  for (const [x, i] of own) group.append(mark(kindOf(x), ...place(i, row), size));
  return group;
}

/** Steps that get a time beside them: the first, the last, and as many between as fit. */
function ticks(count, apart) {
  const parts = Math.max(1, Math.min(6, Math.floor((count - 1) / Math.max(1, apart))));
  return [...new Set(Array.from({ length: parts + 1 }, (_, k) => Math.round((k * (count - 1)) / parts)))];
}

/** The mark of a kind of status: each has its shape, so that colour is not needed to tell them apart. */
function mark(kind, x, y, size) {
  const r = size / 2;
  const shape = {
    content: () => drawn("circle", { cx: x, cy: y, r: r - .5 }),
    validated: () => drawn("path", { d: `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}z` }),
    redirect: () => drawn("path", { d: `M${x} ${y - r}L${x + r} ${y + r * .8}L${x - r} ${y + r * .8}z` }),
    refused: () => drawn("rect", { x: x - r * .8, y: y - r * .8, width: size * .8, height: size * .8 }),
    failed: () => drawn("path", { d: `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}` }),
    other: () => drawn("path", { d: `M${x - r} ${y}L${x + r} ${y}` }),
  }[kind]();
  shape.setAttribute("class", "mark " + kind);
  return shape;
}

/** Puts the cursor on the chosen exchange. */
function point() {
  const cursor = at("cursor");
  if (!plan || !cursor) return;
  const x = shown.list[shown.chosen];
  const row = shown.rows.indexOf(x.connection);
  const [cx, cy] = plan.place(shown.chosen, row);
  const [w, h] = [Math.max(10, plan.upright ? 22 : plan.step), plan.upright ? Math.max(10, plan.step) : 26];
  for (const [name, value] of Object.entries({ x: cx - w / 2, y: cy - h / 2, width: w, height: h })) cursor.setAttribute(name, String(value));
}

// ---- words -------------------------------------------------------------------------------------------

function kindOf(x) {
  if (x.status === 304) return "validated";
  return { 2: "content", 3: "redirect", 4: "refused", 5: "failed" }[Math.floor(x.status / 100)] ?? "other";
}

const plural = (count, noun) => `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;
const since = (x) => `+${whole.format(Math.max(0, Math.round(x.at - shown.began)))} ms`;
const took = (x) => (x.micros < 1000 ? `${whole.format(x.micros)} µs` : `${(x.micros / 1000).toFixed(1)} ms`);

/** The rule, with a link to its section where it is one of an RFC. */
function ruleText(rule, look = "rule") {
  const holder = element("p", "", look);
  const match = /^RFC (\d{3,5}) §(\d+(?:\.\d+)*)$/.exec(rule);
  if (!match) {
    holder.textContent = rule;
    return holder;
  }
  const link = element("a", rule);
  link.href = `https://www.rfc-editor.org/rfc/rfc${match[1]}#section-${match[2]}`;
  link.rel = "noreferrer";
  holder.append(link);
  return holder;
}

function element(name, text = "", look = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (look) made.className = look;
  return made;
}

function drawn(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

// ---- hands -------------------------------------------------------------------------------------------

at("again").addEventListener("click", () => location.reload());

at("timeline").addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  choose(shown.chosen + moves[event.key]);
});

for (const name of ["pointermove", "pointerdown"]) at("timeline").addEventListener(name, pointed);

function pointed(event) {
  if (!plan || shown.list.length === 0) return;
  const box = at("timeline").getBoundingClientRect();
  const scale = plan.width / box.width;
  const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  const [time, across] = plan.upright ? [y - plan.head, x - plan.label] : [x - plan.label, y - plan.head];
  const row = Math.floor(across / plan.pitch);
  const connection = shown.rows[row];
  if (connection === undefined) return trace(null);
  if (time < 0) return trace(connection);
  trace(null);
  choose(nearest(connection, time / plan.step - .5));
}

/** The exchange of the connection that is nearest to the step. */
function nearest(connection, step) {
  let best = shown.chosen, off = Infinity;
  shown.list.forEach((x, i) => {
    if (x.connection === connection && Math.abs(i - step) < off) [best, off] = [i, Math.abs(i - step)];
  });
  return best;
}

for (const name of ["pointerleave", "blur"]) {
  at("timeline").addEventListener(name, () => {
    trace(null);
    for (const tile of tiles) tile.classList.remove("chosen");
  });
}

for (const tile of tiles) {
  tile.addEventListener("pointerenter", () => {
    const index = shown.list.findLastIndex((x) => x.target === targetOf(tile));
    if (index >= 0) choose(index);
  });
}

new ResizeObserver(() => {
  if (shown.list.length > 0 && plan && Math.max(260, at("timeline").clientWidth) !== plan.width) draw();
}).observe(at("timeline"));

// ---- begin -------------------------------------------------------------------------------------------

async function begin() {
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
  try {
    await settle();
    document.documentElement.dataset.wire = "settled";
    await pause(LATE_MILLIS);
    show(await ask());
  } catch (error) {
    at("again").hidden = false;
    if (shown.list.length > 0) return;
    at("verdict").textContent = `The picture has arrived, but what happened on the wire cannot be shown: this server gives no account at ${FACTS} (${error.message}). Served by “hansom serve”, the page shows each request here. The explanation below holds with any server.`;
    document.documentElement.dataset.wire = "absent";
  }
}

begin();

// A screen in a hospital's lobby: columns and the newest ranking, read through the public API alone.
// Address: ?hospital=binjiang&api=http://127.0.0.1:8000  (api: only when the page lies on another origin)
const asked = new URLSearchParams(location.search);
const hospital = asked.get("hospital") || "binjiang";
const api = (asked.get("api") || "").replace(/\/$/, "");
const EVERY = 60_000;

async function get(path) {
  const answer = await fetch(`${api}/api/v1/h/${encodeURIComponent(hospital)}/cms/${path}`, { credentials: "omit" });
  if (!answer.ok) throw new Error((await answer.json()).detail || answer.statusText);
  return answer.json();
}

// Everything is set as text: what comes over the wire is never read as HTML.
function make(name, text, ...children) {
  const made = document.createElement(name);
  if (text != null) made.textContent = text;
  made.append(...children);
  return made;
}

function card(one) {
  const words = make("div", null, make("h3", one.title), make("p", one.summary));
  const made = make("article");
  if (one.cover) {
    const picture = make("img");
    Object.assign(picture, { src: api + one.cover.url, alt: one.cover.alt, width: one.cover.width, height: one.cover.height });
    made.append(picture);
  }
  made.append(words);
  return made;
}

// Read from across a hall: place, name, money and share; the page on the site has every column.
function forAFarReader(columns) {
  const first = (type) => columns.find((column) => column.type === type);
  const kept = new Set([columns[0], first("text"), first("money"), columns.find((column) => column.key === "share")]);
  return columns.filter((column) => kept.has(column));
}

function shown(value, type) {
  if (value == null) return "";
  if (type !== "money") return String(value);
  const [whole, rest] = String(value).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? `.${rest}` : "");
}

function ranking(page) {
  const found = page.ranking;
  if (!found.verified) return [make("p", found.refused)];
  const columns = forAFarReader(found.columns);
  const line = (name, words) => make("tr", null, ...columns.map((column) => {
    const cell = make(name, words(column));
    if (column.type !== "text") cell.className = "number";
    return cell;
  }));
  const head = line("th", (column) => column.label);
  const rows = found.rows.slice(0, 10).map((row) => line("td", (column) => shown(row[column.key], column.type)));
  const table = make("table", null, make("caption", `${found.title}（${found.period}，样本量 ${found.n}）`), make("thead", null, head), make("tbody", null, ...rows));
  return [table, make("p", found.method), make("small", `校验值 ${found.sha256}`)];
}

async function show() {
  const home = await get("home");
  document.title = home.hospital.name;
  document.getElementById("name").textContent = home.hospital.name;
  const columns = home.sections.filter((section) => section.kind !== "rankings");
  document.getElementById("columns").replaceChildren(
    ...columns.flatMap((section) => [make("h3", section.title), ...section.cards.slice(0, 3).map(card)]),
  );
  const newest = (await get("pages?type=ranking&limit=1")).pages[0];
  const parts = newest ? ranking(await get(`pages/${newest.uid}`)) : [make("p", "还没有公示的排名。")];
  document.getElementById("ranking").replaceChildren(...parts);
  document.getElementById("said").textContent = "";
}

async function turn() {
  try {
    await show();
  } catch (error) {
    document.getElementById("said").textContent = `暂时读不到内容：${error.message}`;
  }
}

turn();
setInterval(turn, EVERY);

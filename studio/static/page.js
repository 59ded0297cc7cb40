// The page: a picture, hints on it, the result beside it, and what a person thinks of the result.
//
// A mark is {points: [[x, y], ...], rgb: [r, g, b], width}: a point of colour where it has one point, else a stroke.
// Positions and widths are in pixels of the picture.

const PAUSE_MS = 250; // after the last change, before the picture is colored again
const CLICK_PX = 4; // a pointer that moves less has clicked
const POINT_RADIUS_PX = 6; // on the screen
const HIT_PX = 24; // on the screen: what a finger can meet
const BYTES = { "Content-Type": "application/octet-stream" };

const $ = (id) => document.getElementById(id);
const svg = (name, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

let start; // what the server says at the beginning: colorizers, questions, limits
let picture = null; // {digest, name}
let steps = [[]]; // lists of marks, each a step
let step = 0; // which of them is on the picture
let drawing = null; // the mark under the pointer
let cross = null; // where the keyboard's cross is
let asked = null; // the AbortController of the question under way
let pause = 0; // the timer before the next question
let ratable = null; // the result that can be rated
let resultUrl = "";

const marks = () => steps[step];

// What the server is asked

async function ask(address, options) {
  const answer = await fetch(address, options).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("The page's server does not answer. Is `tintoon page` running?");
  });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new Error(body.problem ?? `The server failed (${answer.status}); its terminal says why.`);
}

const post = (address, value, signal) =>
  ask(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value), signal });

function complain(error) {
  $("problem").textContent = error ? error.message : "";
  $("problem").hidden = !error;
}

// Pictures

async function openFile(file, name = file.name) {
  complain(null);
  if (file.size > start.max_bytes) {
    complain(new Error(`${name} has ${Math.ceil(file.size / 1e6)} MB; ${start.max_bytes / 1e6} MB is the limit.`));
    return;
  }
  $("open").disabled = true;
  try {
    const { picture: digest } = await (await ask("/pictures", { method: "POST", headers: BYTES, body: file })).json();
    await show({ digest, name: name || "picture" });
    steps = [[]];
    step = 0;
    marksChanged();
  } catch (error) {
    complain(error);
  } finally {
    $("open").disabled = false;
  }
}

async function show(opened) {
  const image = $("picture");
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(new Error("This picture is no longer here; open it again."));
  });
  image.src = $("before").src = `/pictures/${opened.digest}`;
  await loaded;
  picture = opened;
  forgetResult();
  $("empty").hidden = true;
  $("workspace").hidden = false;
  for (const id of ["sheet", "result"]) {
    $(id).style.setProperty("--shape", image.naturalWidth / image.naturalHeight);
  }
  $("marks").setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
  cross = null;
}

// The side of the square with as many pixels: what widths are shares of.
const side = () => Math.sqrt($("picture").naturalWidth * $("picture").naturalHeight);

// Hints

const hex = (rgb) => `#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
const rgbOf = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

// As pipelines/colorize/hints.py reads it: places and widths are shares of the picture's sides.
function toJson(list) {
  const share = ([x, y]) => [x / $("picture").naturalWidth, y / $("picture").naturalHeight];
  const points = list.filter((mark) => mark.points.length === 1).map(({ points: [at], rgb }) => {
    const [x, y] = share(at);
    return { x, y, rgb };
  });
  const strokes = list.filter((mark) => mark.points.length > 1).map(({ points, rgb, width }) => {
    return { points: points.map(share), rgb, width: Math.min(1, width / side()) };
  });
  return { points, strokes };
}

function fromJson({ points, strokes }) {
  const place = ([x, y]) => [x * $("picture").naturalWidth, y * $("picture").naturalHeight];
  return [
    ...strokes.map(({ points: places, rgb, width }) => ({ points: places.map(place), rgb, width: width * side() })),
    ...points.map(({ x, y, rgb }) => ({ points: [place([x, y])], rgb, width: 1 })),
  ];
}

function change(list) {
  steps = [...steps.slice(0, step + 1), list];
  step += 1;
  marksChanged();
}

function walk(by) {
  if (drawing || step + by < 0 || step + by >= steps.length) return;
  step += by;
  marksChanged();
}

function marksChanged() {
  drawMarks();
  $("undo").disabled = step === 0;
  $("redo").disabled = step === steps.length - 1;
  $("clear").disabled = marks().length === 0;
  countMarks();
  drawRecent();
  remember();
  colorizeSoon();
}

function countMarks() {
  const { points, strokes } = toJson(marks());
  const count = (list, word) => `${list.length} ${word}${list.length === 1 ? "" : "s"}`;
  const counted = `${count(points, "point")}, ${count(strokes, "stroke")}`;
  if (!marks().length) {
    $("counted").textContent = chosen()?.with_hints
      ? "No hints: the colorizer chooses every colour. Click for a point of colour, drag for a stroke."
      : "The chosen colorizer takes no hints.";
  } else $("counted").textContent = chosen()?.with_hints ? counted : `${counted}: the chosen colorizer takes no hints.`;
}

function drawMarks() {
  const onScreen = $("picture").naturalWidth / $("marks").clientWidth; // picture pixels per screen pixel
  const nodes = [];
  [...marks(), ...(drawing ? [drawing] : [])].forEach((mark, index) => {
    const line = { fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round" };
    const points = mark.points.join(" ");
    if (mark.points.length === 1) {
      const [cx, cy] = mark.points[0];
      const r = POINT_RADIUS_PX * onScreen;
      nodes.push(svg("circle", { cx, cy, r: r + 2.5 * onScreen, fill: "#000" }));
      nodes.push(svg("circle", { cx, cy, r: r + 1.5 * onScreen, fill: "#fff" }));
      nodes.push(svg("circle", { cx, cy, r, fill: hex(mark.rgb), class: "point" }));
      nodes.push(svg("circle", { cx, cy, r: (HIT_PX / 2) * onScreen, fill: "transparent", class: "hit", "data-mark": index }));
    } else {
      nodes.push(svg("polyline", { ...line, points, stroke: "#000", "stroke-width": mark.width + 3 * onScreen }));
      nodes.push(svg("polyline", { ...line, points, stroke: "#fff", "stroke-width": mark.width + 1.5 * onScreen }));
      nodes.push(svg("polyline", { ...line, points, stroke: hex(mark.rgb), "stroke-width": mark.width, class: "stroke" }));
      const width = Math.max(mark.width, HIT_PX * onScreen);
      const hit = svg("polyline", { ...line, points, stroke: "transparent", "stroke-width": width, class: "hit", "data-mark": index });
      nodes.push(hit);
    }
  });
  if (cross) {
    const [x, y] = cross;
    const arm = 12 * onScreen;
    const d = `M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}`;
    nodes.push(svg("path", { d, stroke: "#fff", "stroke-width": 4 * onScreen }));
    nodes.push(svg("path", { d, stroke: "#000", "stroke-width": 2 * onScreen }));
  }
  $("marks").replaceChildren(...nodes);
}

function drawRecent() {
  const used = [...new Set(marks().map((mark) => hex(mark.rgb)).reverse())].slice(0, 6);
  $("recent").replaceChildren(
    ...used.map((color) => {
      const button = document.createElement("button");
      button.style.background = color;
      button.setAttribute("aria-label", `Take ${color}`);
      button.onclick = () => ($("color").value = color);
      return button;
    }),
  );
}

function place(event, on) {
  const box = on.getBoundingClientRect();
  const within = (value, most) => Math.min(Math.max(value, 0), most - 1e-3);
  const { naturalWidth, naturalHeight } = $("picture");
  return [
    within(((event.clientX - box.left) / box.width) * naturalWidth, naturalWidth),
    within(((event.clientY - box.top) / box.height) * naturalHeight, naturalHeight),
  ];
}

// The slider's 1 to 100 are thousandths of the side.
const brush = () => Math.max(1, (Number($("width").value) / 1000) * side());
const isErasing = () => $("erase").checked;
const newMark = (at) => ({ points: [at], rgb: rgbOf($("color").value), width: brush() });

function startMark(event) {
  if (event.button !== 0 || !event.isPrimary) return;
  if ($("marks").classList.contains("hidden")) toggleMarks();
  if (isErasing()) {
    const hit = event.target.closest("[data-mark]");
    if (hit) change(marks().filter((_, index) => index !== Number(hit.dataset.mark)));
    return;
  }
  cross = null;
  $("sheet").setPointerCapture(event.pointerId);
  drawing = { ...newMark(place(event, $("marks"))), from: [event.clientX, event.clientY] };
  drawMarks();
}

function goOn(event) {
  if (!drawing || !event.isPrimary) return;
  const [x, y] = drawing.from;
  if (drawing.points.length === 1 && Math.hypot(event.clientX - x, event.clientY - y) < CLICK_PX) return;
  for (const between of event.getCoalescedEvents?.() ?? [event]) drawing.points.push(place(between, $("marks")));
  drawMarks();
}

function endMark(event) {
  if (!drawing || !event.isPrimary) return;
  const { points, rgb, width } = drawing;
  drawing = null;
  if (event.type === "pointerup") change([...marks(), { points: simplified(points), rgb, width }]);
  else drawMarks(); // a second finger zooms: nothing was drawn
}

function simplified(points) {
  // Neighbours nearer than a thousandth of the picture say nothing.
  const least = side() / 1000;
  const kept = [points[0]];
  for (const [x, y] of points.slice(1)) {
    const [lastX, lastY] = kept.at(-1);
    if (Math.hypot(x - lastX, y - lastY) >= least) kept.push([x, y]);
  }
  return kept;
}

function toggleMarks() {
  const hidden = $("marks").classList.toggle("hidden");
  $("hide").setAttribute("aria-pressed", hidden);
}

function moveCross(event) {
  const { naturalWidth, naturalHeight } = $("picture");
  const far = side() / (event.shiftKey ? 20 : 100);
  const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
  if (event.ctrlKey || event.metaKey) return;
  if (event.key in moves) {
    const [x, y] = cross ?? [naturalWidth / 2, naturalHeight / 2];
    const [dx, dy] = cross ? moves[event.key] : [0, 0];
    cross = [Math.min(Math.max(x + dx, 0), naturalWidth - 1), Math.min(Math.max(y + dy, 0), naturalHeight - 1)];
    drawMarks();
  } else if (event.key === "Enter" && cross) {
    change([...marks(), newMark(cross)]);
  } else if (event.key === "Escape" && cross) {
    cross = null;
    drawMarks();
  } else {
    return;
  }
  event.preventDefault();
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const stem = () => picture.name.replace(/\.[^.]*$/, "");

async function loadHints(file) {
  complain(null);
  try {
    const answer = await ask("/hints", { method: "POST", headers: BYTES, body: file });
    change(fromJson(await answer.json()));
  } catch (error) {
    complain(new Error(`${file.name}: ${error.message}`));
  }
}

// Results

const chosen = () => start.colorizers.find((colorizer) => colorizer.name === $("colorizer").value);

function colorizeSoon() {
  clearTimeout(pause);
  asked?.abort();
  asked = null;
  ratable = null;
  updateRating();
  if (!picture || !chosen()) return;
  $("status").textContent = "colouring …";
  pause = setTimeout(colorize, PAUSE_MS);
}

async function colorize() {
  const mine = (asked = new AbortController());
  const wanted = {
    picture: picture.digest,
    colorizer: chosen().name,
    hints: chosen().with_hints && marks().length ? toJson(marks()) : null,
    snap: $("snap").checked,
    title: chosen().titles.length ? $("title").value : null,
  };
  const began = performance.now();
  try {
    const answer = await post("/colorize", wanted, mine.signal);
    const colored = await answer.blob();
    if (mine !== asked) return;
    complain(null);
    forgetResult();
    resultUrl = URL.createObjectURL(colored);
    $("after").src = $("download").href = resultUrl;
    $("download").download = `${stem()} ${wanted.colorizer}.png`;
    $("download").removeAttribute("aria-disabled");
    $("status").textContent = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    ratable = { result: answer.headers.get("result"), withHints: wanted.hints !== null };
    updateRating();
  } catch (error) {
    if (mine !== asked) return;
    $("status").textContent = "";
    complain(error);
  }
}

function forgetResult() {
  URL.revokeObjectURL(resultUrl);
  resultUrl = "";
  for (const name of ["href", "download"]) $("download").removeAttribute(name);
  $("download").setAttribute("aria-disabled", "true");
  $("after").removeAttribute("src");
}

function takeColor(event) {
  const after = $("after");
  if (!resultUrl || !after.complete) return;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const [x, y] = place(event, after).map(Math.floor);
  const pen = canvas.getContext("2d");
  pen.drawImage(after, x, y, 1, 1, 0, 0, 1, 1);
  $("color").value = hex([...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)]);
  $("draw").checked = true;
  toolChanged();
}

function compare() {
  const share = Number($("compare").value);
  $("result").style.setProperty("--cut", `${share}%`);
  $("result").classList.toggle("whole", share === 0 || share === 100);
}

// Colorizers

const CHAMPION = "champion";
const TAKES = {
  gray: { group: "Gray pages", says: "Takes gray pages; lines and lettering keep their lightness." },
  line: { group: "Line art", says: "Takes line art and sketches: dark lines on white." },
  edge: { group: "Edges", says: "Takes edges, which are found in the picture." },
};

function fillColorizers() {
  const groups = Object.entries(TAKES).map(([variant, { group }]) => {
    const options = start.colorizers.filter((colorizer) => colorizer.variant === variant && colorizer.name !== CHAMPION);
    const node = Object.assign(document.createElement("optgroup"), { label: group, hidden: !options.length });
    node.append(...options.map(({ name, with_hints }) => new Option(with_hints ? `${name} · hints` : name, name)));
    return node;
  });
  const champion = start.colorizers.filter(({ name }) => name === CHAMPION);
  const champions = champion.map(({ recipe, with_hints }) => {
    return new Option(`champion: ${recipe}${with_hints ? " · hints" : ""}`, CHAMPION, true, true);
  });
  $("colorizer").replaceChildren(...champions, ...groups);
  $("colorizer").disabled = start.colorizers.length === 0;
}

function colorizerChanged() {
  const colorizer = chosen();
  const hints = colorizer?.with_hints ? "Follows hints." : "Takes no hints.";
  $("takes").textContent = colorizer
    ? `${colorizer.title}. ${TAKES[colorizer.variant].says} ${hints}`
    : "No colorizer has been trained here yet: run “tintoon run all”, or “make demo”, then load this page again.";
  $("title-choice").hidden = !colorizer?.titles.length;
  $("title").replaceChildren(...(colorizer?.titles ?? []).map((title) => new Option(title, title)));
  countMarks();
  remember();
  colorizeSoon();
}

// Rating

function fillQuestions() {
  $("questions").replaceChildren(
    ...start.questions.map(({ key, text, about_hints }) => {
      const question = document.createElement("fieldset");
      question.dataset.aboutHints = about_hints;
      const legend = document.createElement("legend");
      legend.textContent = text;
      const points = document.createElement("div");
      points.className = "points";
      for (let value = 0; value <= start.max_points; value++) {
        const label = document.createElement("label");
        const radio = Object.assign(document.createElement("input"), { type: "radio", name: key, value, required: true });
        label.append(radio, String(value));
        points.append(label);
      }
      question.append(legend, points);
      return question;
    }),
  );
}

function updateRating() {
  $("rate").disabled = !ratable;
  for (const question of $("questions").children) {
    const isAsked = question.dataset.aboutHints !== "true" || Boolean(chosen()?.with_hints && marks().length);
    question.hidden = question.disabled = !isAsked;
  }
  if (!ratable) $("thanks").textContent = "";
}

async function storeRating(event) {
  event.preventDefault();
  const given = new FormData($("rating"));
  const answers = Object.fromEntries([...given].map(([key, value]) => [key, Number(value)]));
  $("rate").disabled = true;
  try {
    await post("/ratings", { result: ratable.result, answers, rater: $("rater").value });
    localStorage.setItem("rater", $("rater").value);
    for (const radio of $("questions").querySelectorAll("input")) radio.checked = false;
    $("thanks").textContent = "Stored. Thank you.";
    complain(null);
  } catch (error) {
    complain(error);
  } finally {
    updateRating();
    if (ratable) $("rate").disabled = false;
  }
}

// What a reload keeps: this tab's picture, hints and choices

function remember() {
  if (!picture) return;
  const kept = { picture, marks: marks(), colorizer: $("colorizer").value, snap: $("snap").checked };
  sessionStorage.setItem("session", JSON.stringify(kept));
}

async function recall() {
  const kept = JSON.parse(sessionStorage.getItem("session") ?? "null");
  if (!kept) return;
  if (start.colorizers.some(({ name }) => name === kept.colorizer)) $("colorizer").value = kept.colorizer;
  $("snap").checked = kept.snap;
  try {
    await show(kept.picture);
    steps = [kept.marks];
    marksChanged();
  } catch (error) {
    complain(error);
  }
}

// Listening

function toolChanged() {
  $("sheet").classList.toggle("erasing", isErasing());
}

function listen() {
  for (const id of ["open", "choose"]) $(id).onclick = () => $("file").click();
  $("file").onchange = ({ target }) => {
    if (target.files[0]) openFile(target.files[0]);
    target.value = "";
  };
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const file = event.dataTransfer.files[0];
    if (file) (picture && file.name.endsWith(".json") ? loadHints : openFile)(file);
  });
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) openFile(file, "pasted");
  });

  $("sheet").onpointerdown = startMark;
  $("sheet").onpointermove = goOn;
  $("sheet").onpointerup = $("sheet").onpointercancel = endMark;
  $("sheet").onkeydown = moveCross;
  $("undo").onclick = () => walk(-1);
  $("redo").onclick = () => walk(1);
  $("clear").onclick = () => change([]);
  $("hide").onclick = toggleMarks;
  for (const id of ["draw", "erase"]) $(id).onchange = toolChanged;
  addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.target.id === "rater" || !picture) return;
    if (key !== "z" && key !== "y") return;
    walk(key === "y" || event.shiftKey ? 1 : -1);
    event.preventDefault();
  });
  $("zoom").onchange = () => {
    for (const id of ["sheet", "result"]) $(id).style.setProperty("--zoom", $("zoom").value);
  };
  const frames = [...document.querySelectorAll(".frame")];
  for (const frame of frames) {
    frame.onscroll = () => {
      for (const other of frames) other.scrollTo(frame.scrollLeft, frame.scrollTop);
    };
  }
  new ResizeObserver(() => picture && drawMarks()).observe($("sheet"));
  $("save-hints").onclick = () =>
    save(new Blob([JSON.stringify(toJson(marks()), null, 2)], { type: "application/json" }), `${stem()} hints.json`);
  $("load-hints").onclick = () => $("hints-file").click();
  $("hints-file").onchange = ({ target }) => {
    if (target.files[0]) loadHints(target.files[0]);
    target.value = "";
  };

  $("colorizer").onchange = colorizerChanged;
  $("title").onchange = colorizeSoon;
  $("snap").onchange = () => {
    remember();
    colorizeSoon();
  };
  $("compare").oninput = compare;
  $("result").onclick = takeColor;
  $("rating").onsubmit = storeRating;
}

async function main() {
  start = await (await ask("/start")).json();
  $("limits").textContent =
    `${start.formats.join(", ")}; up to ${start.max_bytes / 1e6} MB and ${start.max_pixels / 1e6} megapixels. ` +
    "Pictures stay on this computer.";
  $("rater").value = localStorage.getItem("rater") ?? "";
  fillColorizers();
  fillQuestions();
  listen();
  compare();
  await recall();
  colorizerChanged();
}

main().catch(complain);

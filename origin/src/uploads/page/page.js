(() => {
  "use strict";
  const form = document.querySelector("#upload form");
  const drop = form.querySelector("label");
  const input = form.querySelector("input");
  const list = document.querySelector("#upload ul");
  const queue = [];
  let active = 0, failed = 0;

  form.querySelector("button").hidden = true;
  // What is chosen is in the list at once: the field need not show it.
  drop.classList.add("live");
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["dragenter", "dragover"])
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const kind of ["dragleave", "drop"])
    drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
  addEventListener("beforeunload", (event) => { if (active) event.preventDefault(); });

  const make = (kind, text) => {
    const element = document.createElement(kind);
    if (text) element.textContent = text;
    return element;
  };

  function add(files) {
    for (const file of files) {
      const row = make("li");
      const item = { file, row, bar: make("progress"), note: make("small", "Waiting"), act: make("button", "Cancel") };
      item.bar.max = 1; item.bar.value = 0; item.act.type = "button";
      item.act.onclick = () => stop(item);
      row.append(make("span", file.name), item.act, item.bar, item.note);
      list.append(row);
      queue.push(item);
    }
    next();
  }

  function next() {
    while (active < 3 && queue.length) send(queue.shift(), false);
    if (!active && !queue.length && !failed && document.querySelector("table")) location.reload();
  }

  function stop(item) {
    const place = queue.indexOf(item);
    if (place >= 0) queue.splice(place, 1);
    if (item.request) item.request.abort(); else end(item, "Cancelled", true);
  }

  function send(item, replace) {
    active++;
    const request = item.request = new XMLHttpRequest();
    item.row.className = ""; item.bar.hidden = false;
    item.act.textContent = "Cancel"; item.act.hidden = false; item.act.onclick = () => stop(item);
    request.open("PUT", location.pathname + encodeURIComponent(item.file.name));
    request.setRequestHeader("Accept", "application/json");
    if (!replace) request.setRequestHeader("If-None-Match", "*");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable || !event.total) return;
      item.bar.value = event.loaded / event.total;
      item.note.textContent = Math.floor(100 * event.loaded / event.total) + " %";
    };
    const done = (note, bad) => { active--; item.request = null; end(item, note, bad); next(); };
    request.onload = () => {
      if (request.status < 300) return done(request.status === 201 ? "Stored" : "Replaced", false);
      if (request.status === 412) { done("There is a file of this name.", true); return ask(item); }
      let because = "Error " + request.status;
      try { because = JSON.parse(request.responseText).because + "."; } catch { /* No JSON. */ }
      done(because, true);
    };
    request.onerror = () => done("The connection failed.", true);
    request.onabort = () => done("Cancelled", true);
    request.send(item.file);
  }

  function ask(item) {
    item.act.hidden = false;
    item.act.textContent = "Replace it";
    item.act.onclick = () => { failed--; send(item, true); };
  }

  function end(item, note, bad) {
    if (bad) failed++;
    item.row.className = bad ? "bad" : "";
    item.note.textContent = note;
    item.bar.hidden = true;
    item.act.hidden = true;
  }
})();

"""Web files of the demo UI resources: no inline script, no outside address."""

from __future__ import annotations

INDEX = """<!doctype html>
<html lang="th">
<head>
  <meta charset="utf-8">
  <title>$name</title>
  <link rel="stylesheet" href="style.css">
</head>
<body>
  <main id="panel" class="panel" hidden>
    <header class="panel__head">
      <h1 id="title">$name</h1>
      <button id="close" type="button" aria-label="Close">&times;</button>
    </header>
    <dl id="status" class="status"></dl>
    <ul id="rows" class="rows"></ul>
  </main>
  <script src="app.js"></script>
</body>
</html>
"""

STYLE = """:root {
  --ground: #0d0a16;
  --raised: #171226;
  --edge: #2c2442;
  --text: #ece9f5;
  --quiet: #a69fbd;
  --accent: $accent;
}

body {
  margin: 0;
  color: var(--text);
  font: 16px/1.7 "IBM Plex Sans Thai", "Segoe UI", sans-serif;
  background: transparent;
}

.panel {
  position: fixed;
  inset: 12vh auto auto 4vw;
  width: min(420px, 90vw);
  border: 1px solid var(--edge);
  border-radius: 12px;
  background: linear-gradient(var(--raised), var(--ground));
}

.panel[hidden] { display: none; }

.panel__head {
  display: flex;
  align-items: center;
  justify-content: space-between;
  padding: 12px 16px;
  border-bottom: 1px solid var(--edge);
}

h1 { margin: 0; font-size: 18px; }

button {
  min-width: 44px;
  min-height: 44px;
  border: 0;
  color: var(--quiet);
  background: none;
  font-size: 22px;
}

button:focus-visible { outline: 2px solid var(--accent); }

.status { display: flex; gap: 16px; margin: 0; padding: 12px 16px; }
.status dt { color: var(--quiet); font-size: 13px; }
.status dd { margin: 0; font-weight: 600; color: var(--accent); }
.rows { max-height: 50vh; margin: 0; padding: 0 16px 16px; overflow: auto; list-style: none; }
.rows li { display: flex; justify-content: space-between; border-top: 1px solid var(--edge); }
"""

APP = """'use strict';

const panel = document.getElementById('panel');
const title = document.getElementById('title');
const status = document.getElementById('status');
const rows = document.getElementById('rows');
const resource = window.GetParentResourceName ? window.GetParentResourceName() : '$slug';

function cell(tag, text) {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}

const handlers = {
  visible(data) {
    panel.hidden = !data.visible;
    title.textContent = data.title || title.textContent;
  },
  status(data) {
    status.replaceChildren(...Object.entries(data.status).map(function (pair) {
      const group = document.createElement('div');
      group.append(cell('dt', pair[0]), cell('dd', pair[1]));
      return group;
    }));
  },
  rows(data) {
    rows.replaceChildren(...data.rows.map(function (row) {
      const item = document.createElement('li');
      item.append(cell('span', row.id + ' ' + row.name), cell('span', row.ping + ' ms'));
      return item;
    }));
  },
};

function close() {
  fetch('https://' + resource + '/close', { method: 'POST', body: '{}' });
}

window.addEventListener('message', function (event) {
  const handler = handlers[event.data && event.data.type];
  if (handler) handler(event.data);
});

document.getElementById('close').addEventListener('click', close);
document.addEventListener('keyup', function (event) {
  if (event.key === 'Escape') close();
});

// A loading screen gets its data before the game has started, and reports its own progress.
if (window.nuiHandoverData) {
  handlers.visible({ visible: true, title: window.nuiHandoverData.title });
  rows.replaceChildren(...(window.nuiHandoverData.tips || []).map(function (tip) {
    return cell('li', tip);
  }));
}
"""

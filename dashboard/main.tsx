// The web dashboard of Framegate: one page, without any request to another server. What comes from the network is shown as text only.

import { render } from 'preact';
import { FiguresFeed } from './feed/figures-feed.ts';
import { interruptibleSleep } from './feed/interruptible-sleep.ts';
import { readToken } from './feed/session-token.ts';
import { ProxyModel } from './model/proxy-model.ts';
import { ThemeSetting } from './model/theme.ts';
import { App } from './views/app.tsx';

const place = document.querySelector('#page');
if (place === null) throw new Error('the page has no place for the dashboard');

const model = new ProxyModel();
const feed = new FiguresFeed(model, {
  fetch: (url, options) => fetch(url, options),
  token: readToken,
  sleep: interruptibleSleep,
  now: () => Date.now(),
});
const theme = new ThemeSetting(() => show());
show();
feed.connect();

function show(): void {
  if (place !== null) render(<App model={model} feed={feed} theme={theme} />, place);
}

// The head of the page: which proxy this is, whether it takes calls, where the parts of the page are, and what can be done.

import { formatAge } from '../model/format.ts';
import type { ProxyModel } from '../model/proxy-model.ts';
import { THEME_CHOICES, type ThemeSetting } from '../model/theme.ts';
import { type MarkKind, StateMark } from './state-mark.tsx';

interface PageHeaderProps {
  readonly model: ProxyModel;
  readonly theme: ThemeSetting;
  readonly nowEpochMs: number;
  readonly onDrain: () => void;
}

const PARTS: readonly (readonly [id: string, title: string])[] = [
  ['traffic', 'Traffic'],
  ['endpoints', 'Endpoints'],
  ['calls', 'Calls'],
  ['routes', 'Routes'],
  ['refused', 'Refused clients'],
  ['configuration', 'Configuration'],
  ['certificates', 'Certificates'],
  ['processes', 'Processes'],
];

export function PageHeader({ model, theme, nowEpochMs, onDrain }: PageHeaderProps) {
  const { opening } = model;
  const { mark, text } = stateOf(model);
  const next = THEME_CHOICES[(THEME_CHOICES.indexOf(theme.choice) + 1) % THEME_CHOICES.length];
  return (
    <header class="page-header">
      <div class="header-line">
        <h1>
          <Logo /> Framegate
        </h1>
        <p class={`state state-${mark}`}>
          <StateMark kind={mark} /> {text}
        </p>
        {opening !== undefined && (
          <p class="about">
            {opening.version}
            <span class="extra"> · up {formatAge(nowEpochMs - opening.startedAtEpochMs)}</span>
            {model.figures !== undefined && <span class="extra"> · epoch {model.figures.epoch}</span>}
          </p>
        )}
        <div class="controls">
          <button type="button" aria-pressed={model.isPaused} onClick={() => model.pause(!model.isPaused)}>
            Pause
          </button>
          <button
            type="button"
            onClick={() => theme.choose(next)}
            aria-label={`Theme: ${theme.choice}. Change it to ${next}.`}
          >
            Theme: {theme.choice}
          </button>
          <button type="button" class="danger" onClick={onDrain} disabled={model.figures?.isReady !== true}>
            Drain…
          </button>
        </div>
      </div>
      <nav aria-label="Parts of the page">
        {PARTS.map(([id, title]) => (
          <a key={id} href={`#${id}`}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}

function stateOf({ feed, figures }: ProxyModel): { readonly mark: MarkKind; readonly text: string } {
  if (feed.kind === 'token needed') return { mark: 'warning', text: 'Needs a token' };
  if (feed.kind === 'lost') return { mark: 'bad', text: 'Not connected' };
  if (figures === undefined || feed.kind === 'connecting') return { mark: 'off', text: 'Connecting' };
  if (figures.isReady) return { mark: 'good', text: 'Takes calls' };
  return figures.whyNotReady === 'draining'
    ? { mark: 'warning', text: 'Drains' }
    : { mark: 'bad', text: 'Takes no calls' };
}

/** An F that is a gate: two beams on a post. */
function Logo() {
  return (
    <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <path d="M3 14V2h10M3 8h7" fill="none" stroke="currentColor" stroke-width="2.6" />
    </svg>
  );
}

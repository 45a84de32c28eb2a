// The configuration in use: its epoch, what differs from the epoch before, and what came of the last reload.

import type {
  ConfigurationChange,
  ConfigurationChanges,
  ConfigurationFacts,
  DashboardFigures,
  ReloadFacts,
} from '../../src/admin/dashboard-figures.ts';
import { counted, formatTime } from '../model/format.ts';
import { type ShownChange, shownChange } from '../model/shown-change.ts';
import { FactList } from './fact-list.tsx';
import { Section } from './section.tsx';
import { StateMark } from './state-mark.tsx';

interface ConfigurationSectionProps {
  readonly facts: ConfigurationFacts | undefined;
  readonly figures: DashboardFigures | undefined;
  readonly nowEpochMs: number;
}

const TRIGGERS: Readonly<Record<ReloadFacts['trigger'], string>> = {
  SIGHUP: 'SIGHUP',
  api: 'the admin API',
  watch: 'a change of the file',
};

export function ConfigurationSection({ facts, figures, nowEpochMs }: ConfigurationSectionProps) {
  if (facts === undefined) return null;
  const { reloads, changes, warnings } = facts;
  const older = figures?.olderEpochs ?? [];
  return (
    <Section id="configuration" title="Configuration" note={`epoch ${facts.epoch}`}>
      <FactList
        facts={[
          ['File', <code key="file">{facts.file}</code>],
          ['In use since', formatTime(facts.loadedAtEpochMs, nowEpochMs)],
          ['Hash', <code key="hash">{facts.hash}</code>],
          ['Reloads', `${reloads.reloaded} in use, ${reloads.refused} refused, ${reloads.failed} failed`],
          [
            'Calls on older epochs',
            older.length === 0
              ? 'none'
              : older.map(({ epoch, calls }) => `${counted(calls, 'call')} on ${epoch}`).join(', '),
          ],
        ]}
      />
      {reloads.last !== undefined && <LastReload last={reloads.last} nowEpochMs={nowEpochMs} />}
      {changes !== undefined && <Changes changes={changes} />}
      {warnings.length > 0 && (
        <>
          <h3>Warnings</h3>
          <ul class="problems">
            {warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </>
      )}
    </Section>
  );
}

function LastReload({ last, nowEpochMs }: { readonly last: ReloadFacts; readonly nowEpochMs: number }) {
  const by = `by ${TRIGGERS[last.trigger]} at ${formatTime(last.atEpochMs, nowEpochMs)}`;
  if (last.result === 'reloaded') return null;
  return (
    <div class="notice notice-bad">
      <p>
        <StateMark kind="bad" /> The last reload, {by},{' '}
        {last.result === 'refused' ? 'was refused' : 'has failed'}. The configuration of before is in use.
      </p>
      <ul class="problems">
        {last.problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </div>
  );
}

function Changes({ changes: { since, entries, leftOut } }: { readonly changes: ConfigurationChanges }) {
  if (entries.length === 0) return <p class="note">Nothing differs from epoch {since}.</p>;
  return (
    <>
      <h3>What differs from epoch {since}</h3>
      <div class="scrolls" tabIndex={0} role="region" aria-label={`What differs from epoch ${since}`}>
        <table class="changes">
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Before</th>
              <th scope="col">Now</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <Change key={entry.path} entry={entry} />
            ))}
          </tbody>
        </table>
      </div>
      {leftOut !== undefined && <p class="note">There are {counted(leftOut, 'more change')}.</p>}
    </>
  );
}

function Change({ entry }: { readonly entry: ConfigurationChange }) {
  const { subject, key, kind, before, after } = shownChange(entry);
  return (
    <tr>
      <th scope="row">
        {subject !== '' && <span class="subject">{subject}</span>}
        {subject !== '' && key !== '' && ' '}
        {key !== '' && <code>{key}</code>}
        {kind !== 'changed' && <small> {kind}</small>}
      </th>
      <Values before={before} after={after} />
    </tr>
  );
}

function Values({ before, after }: Pick<ShownChange, 'before' | 'after'>) {
  // What has keys of its own needs the room, and has nothing on its other side.
  if (after === undefined && isBlock(before))
    return (
      <td colSpan={2}>
        <del>{before}</del>
      </td>
    );
  if (before === undefined && isBlock(after))
    return (
      <td colSpan={2}>
        <ins>{after}</ins>
      </td>
    );
  return (
    <>
      <td>{before === undefined ? <i>not there</i> : <del>{before}</del>}</td>
      <td>{after === undefined ? <i>not there</i> : <ins>{after}</ins>}</td>
    </>
  );
}

function isBlock(text = ''): boolean {
  return text.includes('\n');
}

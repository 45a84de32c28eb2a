// What clients that were refused did wrong, and endpoints that could not be reached: the sentence for each, and what fixes it.

import { useState } from 'preact/hooks';
import type {
  DiagnosisFact,
  DiagnosisFacts,
  DiagnosisReasonFact,
} from '../../src/admin/dashboard-figures.ts';
import { type DiagnosisGroup, diagnosisGroups, isOfClient, peerOf } from '../model/diagnosis-groups.ts';
import { counted, formatCount, formatTime } from '../model/format.ts';
import { type RemedyBlock, type RemedySpan, remedyBlocks } from '../model/remedy-text.ts';
import { Choice } from './choice.tsx';
import { Section } from './section.tsx';

interface DiagnosisSectionProps {
  readonly facts: DiagnosisFacts | undefined;
  readonly nowEpochMs: number;
}

type About = 'clients' | 'all';

const NONE: DiagnosisFacts = { recent: [], counts: {}, reasons: {}, remedies: {} };

export function DiagnosisSection({ facts, nowEpochMs }: DiagnosisSectionProps) {
  const [about, setAbout] = useState<About>('clients');
  const { recent: all, counts, reasons, remedies } = facts ?? NONE;
  const recent = about === 'all' ? all : all.filter(isOfClient);
  const groups = diagnosisGroups({ recent, counts, reasons });
  return (
    <Section
      id="refused"
      title="Refused clients"
      note="the newest first"
      controls={
        <Choice
          label="Which diagnoses are shown"
          values={[
            ['clients', 'Clients'],
            ['all', 'All diagnoses'],
          ]}
          chosen={about}
          onChoose={setAbout}
        />
      }
    >
      {groups.length > 0 && <Counts groups={groups} />}
      {groups.length === 0 && (
        <p class="empty">{about === 'clients' ? 'No client was refused.' : 'There is no diagnosis.'}</p>
      )}
      <ol class="diagnoses" tabIndex={0} aria-label="Diagnoses">
        {groups.map((group) => (
          <Diagnosis
            key={`${group.code} ${group.token}`}
            group={group}
            remedy={remedies[group.code]}
            nowEpochMs={nowEpochMs}
          />
        ))}
      </ol>
    </Section>
  );
}

/** Of what the list below shows, and of nothing else. */
function Counts({ groups }: { readonly groups: readonly DiagnosisGroup[] }) {
  return (
    <ul class="codes" aria-label="How often each diagnosis was given since the start">
      {groups
        .toSorted((one, other) => other.count - one.count)
        .map(({ code, token, count }) => (
          <li key={`${code} ${token}`}>
            {code === '' ? token : code} <b>{formatCount(count)}</b>
          </li>
        ))}
    </ul>
  );
}

interface DiagnosisProps {
  readonly group: DiagnosisGroup;
  readonly remedy: string | undefined;
  readonly nowEpochMs: number;
}

/** So many addresses of a group are shown at once. */
const MOST_PEERS = 20;

function Diagnosis({ group, remedy, nowEpochMs }: DiagnosisProps) {
  const { code, token, facts, peers, lastAtEpochMs, count, reasons } = group;
  const [newest] = facts;
  const peer = peerOf(newest);
  const hasReasons = reasons.length > 1;
  return (
    <li>
      {hasReasons ? (
        <Reasons group={group} nowEpochMs={nowEpochMs} />
      ) : (
        <p class="sentence">{newest.sentence}</p>
      )}
      <p class="about">
        <b>{code === '' ? token : code}</b>
        {peers > 1 ? (
          <span>{counted(peers, 'address', 'addresses')}</span>
        ) : (
          peer !== undefined && <span class="peer">{peer}</span>
        )}
        {newest.listener !== undefined && <span>listener {newest.listener}</span>}
        <span>{formatTime(lastAtEpochMs, nowEpochMs)}</span>
        {count > 1 && <span>{counted(count, 'time')}</span>}
      </p>
      {!hasReasons && newest.detail !== undefined && newest.detail !== '' && (
        <p class="about">{newest.detail}</p>
      )}
      {peers > 1 && (
        <details>
          <summary>Addresses</summary>
          <ul class="peers">
            {facts.slice(0, MOST_PEERS).map((fact) => (
              <Peer
                key={`${fact.atEpochMs} ${peerOf(fact) ?? ''}`}
                fact={fact}
                newest={newest}
                nowEpochMs={nowEpochMs}
              />
            ))}
          </ul>
          {facts.length > MOST_PEERS && (
            <p class="note">And {counted(facts.length - MOST_PEERS, 'more entry', 'more entries')}.</p>
          )}
        </details>
      )}
      {remedy !== undefined && (
        <details>
          <summary>What to do</summary>
          <Remedy blocks={remedyBlocks(remedy)} />
        </details>
      )}
    </li>
  );
}

interface ReasonsProps {
  readonly group: DiagnosisGroup;
  readonly nowEpochMs: number;
}

/** One code may have several reasons. */
function Reasons({ group: { code, token, reasons, forgotten }, nowEpochMs }: ReasonsProps) {
  return (
    <ul class="reasons" aria-label={`Reasons of ${code === '' ? token : code}, the newest first`}>
      {reasons.map((reason) => (
        <Reason key={`${reason.sentence} ${reason.detail ?? ''}`} reason={reason} nowEpochMs={nowEpochMs} />
      ))}
      {forgotten > 0 && <li class="about">and {counted(forgotten, 'time')} for earlier reasons</li>}
    </ul>
  );
}

interface ReasonProps {
  readonly reason: DiagnosisReasonFact;
  readonly nowEpochMs: number;
}

function Reason({ reason: { sentence, detail = '', count, lastAtEpochMs }, nowEpochMs }: ReasonProps) {
  return (
    <li>
      <p class="sentence">{sentence}</p>
      <p class="about">
        {detail !== '' && <span>{detail}</span>}
        <b>{counted(count, 'time')}</b>
        <span>{formatTime(lastAtEpochMs, nowEpochMs)}</span>
      </p>
    </li>
  );
}

interface PeerProps {
  readonly fact: DiagnosisFact;
  readonly newest: DiagnosisFact;
  readonly nowEpochMs: number;
}

function Peer({ fact, newest, nowEpochMs }: PeerProps) {
  return (
    <li class="about">
      <span class="peer">{peerOf(fact) ?? 'not known'}</span>
      <span>{formatTime(fact.lastAtEpochMs, nowEpochMs)}</span>
      {fact.count > 1 && <span>{counted(fact.count, 'time')}</span>}
      {fact.sentence !== newest.sentence && <span>{fact.sentence}</span>}
    </li>
  );
}

function Remedy({ blocks }: { readonly blocks: readonly RemedyBlock[] }) {
  return <div class="remedy">{blocks.map(blockOf)}</div>;
}

function blockOf(block: RemedyBlock, index: number) {
  if (block.kind === 'code') return <pre key={index}>{block.text}</pre>;
  if (block.kind === 'paragraph') return <p key={index}>{block.spans.map(spanOf)}</p>;
  const items = block.items.map((spans, at) => <li key={at}>{spans.map(spanOf)}</li>);
  return block.isNumbered ? <ol key={index}>{items}</ol> : <ul key={index}>{items}</ul>;
}

function spanOf({ text, isCode }: RemedySpan, index: number) {
  return isCode ? <code key={index}>{text}</code> : <span key={index}>{text}</span>;
}

// What clients that were refused did wrong, and endpoints that could not be reached: the sentence for each, and what fixes it.

import { useState } from 'preact/hooks';
import type { DiagnosisFact, DiagnosisFacts } from '../../src/admin/dashboard-figures.ts';
import { counted, formatCount, formatTime } from '../model/format.ts';
import { type RemedyBlock, type RemedySpan, remedyBlocks } from '../model/remedy-text.ts';
import { Choice } from './choice.tsx';
import { Section } from './section.tsx';

interface DiagnosisSectionProps {
  readonly facts: DiagnosisFacts | undefined;
  readonly nowEpochMs: number;
}

type About = 'clients' | 'all';

export function DiagnosisSection({ facts, nowEpochMs }: DiagnosisSectionProps) {
  const [about, setAbout] = useState<About>('clients');
  const recent = (facts?.recent ?? []).filter(({ client }) => about === 'all' || client !== undefined);
  const codes = Object.entries(facts?.counts ?? {}).toSorted(([, one], [, other]) => other - one);
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
      {codes.length > 0 && (
        <ul class="codes" aria-label="How often each diagnosis was given since the start">
          {codes.map(([code, count]) => (
            <li key={code}>
              {code} <b>{formatCount(count)}</b>
            </li>
          ))}
        </ul>
      )}
      {recent.length === 0 && (
        <p class="empty">{about === 'clients' ? 'No client was refused.' : 'There is no diagnosis.'}</p>
      )}
      <ol class="diagnoses" tabIndex={0} aria-label="Diagnoses">
        {recent.map((fact) => (
          <Diagnosis
            key={`${fact.code} ${fact.atEpochMs} ${fact.client ?? ''} ${fact.endpoint ?? ''}`}
            fact={fact}
            remedy={facts?.remedies[fact.code]}
            nowEpochMs={nowEpochMs}
          />
        ))}
      </ol>
    </Section>
  );
}

interface DiagnosisProps {
  readonly fact: DiagnosisFact;
  readonly remedy: string | undefined;
  readonly nowEpochMs: number;
}

function Diagnosis({ fact, remedy, nowEpochMs }: DiagnosisProps) {
  const peer = fact.client ?? fact.endpoint ?? fact.upstream;
  return (
    <li>
      <p class="sentence">{fact.sentence}</p>
      <p class="about">
        <b>{fact.code === '' ? fact.token : fact.code}</b>
        {peer !== undefined && <span class="peer">{peer}</span>}
        {fact.listener !== undefined && <span>listener {fact.listener}</span>}
        <span>{formatTime(fact.lastAtEpochMs, nowEpochMs)}</span>
        {fact.count > 1 && <span>{counted(fact.count, 'time')}</span>}
      </p>
      {fact.detail !== undefined && fact.detail !== '' && <p class="about">{fact.detail}</p>}
      {remedy !== undefined && (
        <details>
          <summary>What to do</summary>
          <Remedy blocks={remedyBlocks(remedy)} />
        </details>
      )}
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

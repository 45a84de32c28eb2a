// What a person reads after an import: each directive of the input in one of three lists. Those that need attention come first.

import { counted } from '../config/counted.ts';
import { visibleText } from '../config/visible-text.ts';
import { type Directive, placeText } from './directive.ts';
import type { ImportedConfiguration } from './import-nginx.ts';
import type { Judgement, Verdict } from './ledger.ts';
import { NOT_CARRIED_OVER } from './not-carried-over.ts';
import { showDirective, strangeOnes } from './shown-directive.ts';
import { remark } from './yaml-text.ts';

export interface ReportLine {
  readonly verdict: Verdict;
  readonly decidesAccess: boolean;
  readonly sendsElsewhere: boolean;
  readonly place: string;
  readonly text: string;
  readonly notes: readonly string[];
}

const TITLES: Readonly<Record<Verdict, string>> = {
  unsupported: 'Not supported',
  changed: 'Changed, and why',
  carried: 'Carried over',
};

/** @returns a line for each directive of the input; a directive of a file that is included twice has two */
export function reportLines({ directives, ledger }: ImportedConfiguration): readonly ReportLine[] {
  const strange = strangeOnes(directives);
  return directives.map((directive) => {
    const judgement = ledger.judgementOf(directive);
    if (judgement === undefined) throw new Error(`${placeText(directive)}: ${directive.name} has no verdict`);
    return lineOf(directive, judgement, strange.has(directive));
  });
}

function lineOf(
  directive: Directive,
  { verdict, decidesAccess, sendsElsewhere, notes }: Judgement,
  isStrange: boolean,
): ReportLine {
  return {
    verdict,
    decidesAccess,
    sendsElsewhere,
    place: placeText(directive),
    text: showDirective(directive, isStrange),
    notes,
  };
}

/**
 * @param isComplete whether it also lists what is carried over
 * @returns the report as text, without the parameters of blocks such as `types`
 */
export function formatReport(imported: ImportedConfiguration, isComplete = true): string {
  const parameters = parametersOf(imported.directives);
  const lines = reportLines(imported).filter((_, index) => !parameters.has(imported.directives[index]));
  const verdicts: readonly Verdict[] = [
    'unsupported',
    'changed',
    ...(isComplete ? ['carried' as const] : []),
  ];
  return verdicts
    .map((verdict) =>
      formatList(
        TITLES[verdict],
        lines.filter((line) => line.verdict === verdict),
      ),
    )
    .filter((text) => text !== '')
    .join('\n');
}

/** @returns how many lines each list of the report has, as one sentence */
export function formatCounts(imported: ImportedConfiguration): string {
  const parameters = parametersOf(imported.directives);
  const lines = reportLines(imported).filter((_, index) => !parameters.has(imported.directives[index]));
  const count = (verdict: Verdict): number =>
    directivesIn(groupsOf(lines.filter((line) => line.verdict === verdict)));
  const carried = count('carried');
  return `${counted(carried, 'directive')} ${carried === 1 ? 'is' : 'are'} carried over, ${count('changed')} changed, ${count('unsupported')} not supported.`;
}

function formatList(title: string, lines: readonly ReportLine[]): string {
  if (lines.length === 0) return '';
  const sorted = lines.toSorted((one, other) => gravityOf(other) - gravityOf(one));
  const groups = groupsOf(sorted);
  return [`${title} (${directivesIn(groups)}):`, ...groups.map(formatGroup)].join('\n').concat('\n');
}

interface Group {
  readonly text: string;
  /** Each place once: a file that is included twice has its directives twice. */
  readonly places: ReadonlySet<string>;
}

/** Lines that differ by their places alone, such as one setting in each of forty servers, are one. */
function groupsOf(lines: readonly ReportLine[]): readonly Group[] {
  const groups = new Map<string, { readonly text: string; readonly places: Set<string> }>();
  for (const line of lines) {
    const text = textOf(line);
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { text, places: new Set([line.place]) });
    else group.places.add(line.place);
  }
  return [...groups.values()];
}

function directivesIn(groups: readonly Group[]): number {
  return groups.reduce((sum, { places }) => sum + places.size, 0);
}

function formatGroup({ text, places }: Group): string {
  return `  ${placesText([...places])}  ${text}`;
}

/** @returns `a.conf:3`, or `a.conf:3, 8, b.conf:1 (3 times)`: a line alone is one of the file named before it */
function placesText(places: readonly string[]): string {
  if (places.length === 1) return places[0];
  let file = '';
  const parts = places.map((place) => {
    const [, own = '', line = ''] = /^(.*):(\d+)$/s.exec(place) ?? [];
    const isSame = own === file;
    file = own;
    return isSame ? line : place;
  });
  return `${parts.join(', ')} (${places.length} times)`;
}

function gravityOf({ decidesAccess, sendsElsewhere }: ReportLine): number {
  return Number(decidesAccess) * 2 + Number(sendsElsewhere);
}

function textOf({ text, notes, decidesAccess, sendsElsewhere, verdict }: ReportLine): string {
  const elsewhere = verdict === 'changed' ? ' [some calls go elsewhere]' : ' [calls go elsewhere]';
  const mark = `${decidesAccess ? ' [decides who may connect]' : ''}${sendsElsewhere ? elsewhere : ''}`;
  return [`${text}${mark}`, ...notes.map((note) => `      ${visibleText(note)}`)].join('\n');
}

/** The parameters of blocks that are judged as a whole. */
function parametersOf(directives: readonly Directive[]): ReadonlySet<Directive> {
  return new Set(directives.filter(({ name }) => WHOLE.test(name)).flatMap(({ block }) => block ?? []));
}

const WHOLE = /^(types|map|geo|split_clients|charset_map|match)$/;

/** The first lines of the file: where it comes from, what it does not keep closed, and whose calls go elsewhere. */
export function headOf(imported: ImportedConfiguration, source: string): string {
  const all = reportLines(imported);
  const lines = [
    `Made by framegate import of ${source}. The remarks behind the lines say where each comes from.`,
    ...warning(
      `${NOT_CARRIED_OVER}, though it decides who may connect. Settle each of these before this file is served:`,
      all.filter((line) => line.decidesAccess),
    ),
    ...warning(
      `${NOT_CARRIED_OVER}, and calls go elsewhere than in nginx. Settle each of these before this file is served:`,
      all.filter((line) => line.sendsElsewhere && line.verdict === 'unsupported'),
    ),
    ...warning(
      'CHANGED, and some calls go elsewhere than in nginx. The report says which, and what to do. Check each of these before this file is served:',
      all.filter((line) => line.sendsElsewhere && line.verdict === 'changed'),
    ),
  ];
  return `${lines.map((line) => remark(line).trimEnd()).join('\n')}\n\n`;
}

function warning(title: string, lines: readonly ReportLine[]): readonly string[] {
  if (lines.length === 0) return [];
  const groups = groupsOf(
    lines.map((line) => ({ ...line, notes: [], decidesAccess: false, sendsElsewhere: false })),
  );
  return ['', title, ...groups.map(formatGroup)];
}

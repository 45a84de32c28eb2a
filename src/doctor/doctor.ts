// `framegate doctor` as a whole: reads the configuration, plans the checks of all groups, runs them, and closes what it started.

import type { Config } from '../config/config.ts';
import { suggest } from '../config/suggestion.ts';
import { adminTargetOf } from '../control/admin-target.ts';
import { certificateChecks } from './certificate-checks.ts';
import { type Check, type CheckReport, GROUPS } from './check.ts';
import { collectorChecks } from './collector-checks.ts';
import { CONFIG_USABLE, configChecks } from './config-checks.ts';
import { secretsIn } from './config-secrets.ts';
import { type Credentials, NO_CREDENTIALS } from './credentials.ts';
import { PROBE_HOST } from './dial.ts';
import { Evidence } from './evidence.ts';
import { type PlannedCheck, shownReports } from './examination-messages.ts';
import { guessChecks } from './guess-checks.ts';
import { HiddenValues } from './hidden-values.ts';
import { holdChecks } from './hold-checks.ts';
import { hostChecks } from './host-checks.ts';
import { keyChecks } from './key-checks.ts';
import { ProxySlot } from './listener-way.ts';
import { portChecks } from './port-checks.ts';
import { type RunEvents, runChecks } from './run-checks.ts';
import { askSeen, findRunningProxy, type SeenDiagnosis } from './running-proxy.ts';
import { storeChecks } from './store-checks.ts';
import { type ConfigSubject, readSubject } from './subject.ts';
import type { Target } from './target.ts';
import { targetChecks } from './target-checks.ts';
import { TargetWay } from './target-way.ts';
import { throughChecks } from './through-checks.ts';
import { planUpstreamChecks } from './upstream-checks.ts';

export interface DoctorOptions {
  /** Undefined if there is only the target. */
  readonly file: string | undefined;
  readonly target?: Target | undefined;
  /** The authority that has signed the certificate of the target. */
  readonly ca?: Buffer | undefined;
  /** What its calls show. Undefined means nothing. */
  readonly credentials?: Credentials | undefined;
  /** Groups, or the beginnings of the ids of checks. Empty means all. */
  readonly only: readonly string[];
  /** How long a silent stream is held. Undefined means that none is. */
  readonly holdSeconds?: number | undefined;
  /** A method that is held, and that TARGET is asked for, as /package.Service/Method. Undefined means that the doctor chooses. */
  readonly method?: string | undefined;
  /** How many processes would carry calls. */
  readonly processesFor: (config: Config) => number;
  /** Replaces the limit of this process. */
  readonly openFiles?: number | undefined;
  /** What other processes have reported, which ended before they had made all checks. */
  readonly earlier?: readonly CheckReport[] | undefined;
  /** The ids of checks that are made while no other one is. */
  readonly alone?: ReadonlySet<string> | undefined;
}

const TOTAL_MS = 10_000;
const LAST_BEGIN_MS = 30_000;
const MOST_SHOWN_IDS = 8;

/** What `only` names is no check of this examination. The message is a sentence for the user. */
export class NoSuchCheck extends Error {}

export interface ExaminationEvents extends RunEvents {
  /** Comes before any check begins. */
  onPlanned?(plan: readonly PlannedCheck[]): void;
}

/**
 * Never rejects for anything that is wrong with what is examined. Rejects with NoSuchCheck before any check is made.
 * @returns the reports that are shown, in the order of the plan
 */
export async function examine(
  options: DoctorOptions,
  events: ExaminationEvents = {},
): Promise<readonly CheckReport[]> {
  const slot = new ProxySlot();
  const { only, credentials, earlier, alone } = options;
  try {
    const subject = options.file === undefined ? undefined : readSubject(options.file);
    const all = await planChecks(options, slot, subject);
    const stray = only.find((wanted) => !all.some((check) => isWanted(check, [wanted])));
    if (stray !== undefined) throw new NoSuchCheck(describeStray(stray, all, options));
    const checks = withPrerequisites(all, only);
    const plan = plannedOf(checks, only, all);
    events.onPlanned?.(plan);
    const ofConfig = new HiddenValues(subject?.config === undefined ? [] : secretsIn(subject.config));
    const hide = (text: string): string => ofConfig.hide((credentials ?? NO_CREDENTIALS).headers.hide(text));
    const limits = { totalMs: TOTAL_MS, lastBeginMs: LAST_BEGIN_MS };
    const reports = await runChecks(checks, events, { ...limits, hide, earlier, alone });
    return shownReports(plan, reports);
  } finally {
    await slot.close();
  }
}

/** What failed although only other checks were asked for is why one of those was not made. */
function plannedOf(
  checks: readonly Check[],
  only: readonly string[],
  all: readonly Check[],
): readonly PlannedCheck[] {
  const needed = idsNeededBy(
    all.filter((check) => isWanted(check, only)),
    all,
  );
  return checks.map(({ id, group, title }) => ({
    id,
    group,
    title,
    shown: isWanted({ id, group }, only) ? 'always' : needed.has(id) ? 'ifFailed' : 'never',
  }));
}

async function planChecks(
  options: DoctorOptions,
  slot: ProxySlot,
  subject: ConfigSubject | undefined,
): Promise<readonly Check[]> {
  const { file, target, ca, method, processesFor, openFiles, credentials = NO_CREDENTIALS } = options;
  const evidence = new Evidence();
  const config = subject?.config;
  const admin = config && adminTargetOf(config);
  const [found, upstreams] = await Promise.all([
    config === undefined || file === undefined ? undefined : findRunningProxy(config, file),
    config === undefined ? undefined : planUpstreamChecks(config, evidence),
  ]);
  // What runs with another configuration says nothing about this one.
  const running = found?.isOther === true ? undefined : found;
  // Before the checks begin, so that their own connections are not among them.
  const { diagnoses, clients } = await askSeen(running === undefined ? undefined : admin);
  const seen = diagnoses.filter(isOfClient);
  const plan: Check[] = [];
  if (subject !== undefined) plan.push(...configChecks(subject));
  if (subject !== undefined && config !== undefined && upstreams !== undefined) {
    plan.push(
      ...portChecks(config, { file: subject.file, found }),
      ...certificateChecks(subject),
      ...upstreams.checks,
      ...keyChecks(config),
      ...storeChecks(config),
      ...collectorChecks(config),
    );
    plan.push(...throughChecks({ config, running, upstreams, evidence, slot, credentials }));
  }
  if (subject !== undefined && config === undefined) plan.push(...unplannedChecks());
  const way = new TargetWay();
  if (target !== undefined)
    plan.push(...targetChecks({ target, ca, credentials, method, evidence, config, upstreams }, way));
  plan.push(...guessChecks({ evidenceOf: plan.map(({ id }) => id), evidence, seen, clients }));
  if (config !== undefined) {
    const processes = processesFor(config);
    plan.push(...hostChecks(config, openFiles === undefined ? { processes } : { processes, openFiles }));
  }
  if (options.holdSeconds !== undefined) {
    const { holdSeconds: seconds } = options;
    const targetText = target?.text ?? '';
    const ways = { config, upstreams, slot, credentials, target: target && way, targetText };
    plan.push(...holdChecks({ seconds, method, ...ways }));
  }
  return plan;
}

/** Whether it was no earlier run of the doctor that the proxy refused. */
function isOfClient({ client }: SeenDiagnosis): boolean {
  return !client.includes(PROBE_HOST);
}

const UNPLANNED = '.unplanned';

/** What cannot even be planned without a configuration, so that the report says that it was not made. */
function unplannedChecks(): readonly Check[] {
  return (['ports', 'certificates', 'upstream', 'through', 'host'] as const).map((group) => ({
    id: `${group}${UNPLANNED}`,
    group,
    title: GROUPS[group],
    needs: [CONFIG_USABLE],
    run: () => [],
  }));
}

function isWanted({ id, group }: Pick<CheckReport, 'id' | 'group'>, only: readonly string[]): boolean {
  return (
    only.length === 0 ||
    only.some(
      (wanted) =>
        group === wanted ||
        id === wanted ||
        id.startsWith(`${wanted}.`) ||
        // Stands for every check of its group.
        (id === `${group}${UNPLANNED}` && wanted.startsWith(`${group}.`)),
    )
  );
}

function describeStray(
  stray: string,
  plan: readonly Check[],
  { file, target, holdSeconds }: DoctorOptions,
): string {
  const [group] = stray.split('.');
  const begin = `--only ${stray}: there is no such check here`;
  if (group === 'target' && target === undefined) return `${begin}; name a TARGET, as host:port`;
  if (group === 'hold' && holdSeconds === undefined) return `${begin}; add --hold SECONDS`;
  if (file === undefined && group !== 'target' && group !== 'hold' && group !== 'guesses')
    return `${begin}; name a configuration: -c FILE`;
  const ids = plan.filter((check) => check.group === group).map(({ id }) => id);
  const meant = suggest(stray, ids);
  if (meant !== undefined) return `${begin}. Did you mean ${meant}?`;
  const shown = ids.slice(0, MOST_SHOWN_IDS).join(', ');
  return `${begin}. The checks of ${group} are ${shown}${ids.length > MOST_SHOWN_IDS ? ' and others, which --json shows' : ''}`;
}

/** What is wanted, and what it cannot do without. */
function withPrerequisites(plan: readonly Check[], only: readonly string[]): readonly Check[] {
  if (only.length === 0) return plan;
  const byId = new Map(plan.map((check) => [check.id, check]));
  const kept = new Set(plan.filter((check) => isWanted(check, only)));
  // The set grows while it is walked.
  for (const { needs = [], after = [] } of kept) {
    for (const id of [...needs, ...after]) {
      const check = byId.get(id);
      if (check !== undefined) kept.add(check);
    }
  }
  return plan.filter((check) => kept.has(check));
}

/** @returns the checks of which none may fail, or one of `wanted` is skipped */
function idsNeededBy(wanted: readonly Check[], plan: readonly Check[]): ReadonlySet<string> {
  const needed = new Set(wanted.flatMap(({ needs = [] }) => needs));
  // The set grows while it is walked.
  for (const id of needed) {
    for (const next of plan.find((check) => check.id === id)?.needs ?? []) needed.add(next);
  }
  return needed;
}

// What the servers of nginx serve: for each, the locations whose calls go to a service, and the addresses that lead to no service.

import { refusingReturn, rulesIn } from './access-rules.ts';
import { answerBranch } from './answers.ts';
import { allDirectives, type Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { pathsBeginning } from './location-pattern.ts';
import { type Location, locationsOf, reachableLocations } from './locations.ts';
import { type ImportParts, type Outcome, outcomeOf, refusalOf, whyNoAnswer } from './outcomes.ts';
import { strippedBy } from './path-rewriting.ts';
import type { Scope } from './scope.ts';
import type { Server } from './server-blocks.ts';

export interface ServedLocation {
  readonly directive: Directive;
  readonly paths: readonly string[];
  readonly outcome: Extract<Outcome, { kind: 'pass' }>;
}

/** A place where nginx serves nobody. */
export interface Refusal {
  readonly by: Directive;
  readonly server: Server;
  /** Undefined where the paths cannot be said. */
  readonly paths: readonly string[] | undefined;
}

/** A place from where nginx sends calls, or answers them, as Framegate does not. */
export interface Displaced {
  readonly by: Directive;
  readonly server: Server;
  /** Undefined where the paths cannot be said. */
  readonly paths: readonly string[] | undefined;
  /** Where nginx sends all of them, if it sends them anywhere. */
  readonly pass: Directive | undefined;
  /** Whether it lets some calls through to the service, and others not. */
  readonly isGate: boolean;
  /** Whether nginx does so before it chooses a location. */
  readonly isBeforeLocations: boolean;
}

export interface ServedServer {
  readonly server: Server;
  readonly locations: readonly ServedLocation[];
  /** Prefixes that a `rewrite` of the server takes away before a location is chosen. */
  readonly strippedPrefixes: readonly string[];
  readonly refusals: readonly Refusal[];
  readonly displaced: readonly Displaced[];
}

export function serveServer(server: Server, parts: ImportParts): ServedServer {
  const { ledger } = parts;
  const { scope, directive } = server;
  ledger.carry(directive);
  const answer = scope.own('return')[0];
  if (answer !== undefined) return answeredServer(server, answer, ledger);
  const strippedPrefixes = strippedOf(server, ledger);
  const all = judgeErrorPages(server, locationsOf(scope), ledger);
  const reachable = reachableLocations(all, ledger);
  const locations: ServedLocation[] = [];
  const reached = new Set(reachable);
  const refusals: Refusal[] = all
    .filter((location) => !reached.has(location))
    .flatMap((location) => unsayableRefusal(location, server, ledger));
  const displaced: (readonly Displaced[])[] = [
    displacedBy(scope, server, undefined),
    scope
      .own('rewrite')
      .filter((rewrite) => ledger.judgementOf(rewrite)?.verdict === 'unsupported')
      .map((by) => ({
        by,
        server,
        paths: pathsBeginning(by.words[0] ?? ''),
        pass: undefined,
        isGate: false,
        isBeforeLocations: true,
      })),
    ...all.filter(isUnsayable).map((location) => displacedAt(location, server)),
  ];
  for (const location of reachable) {
    const outcome = outcomeOf(location, parts);
    const paths = location.pattern.paths ?? [];
    if (outcome.kind === 'refuse') {
      ledger.change(location.directive, 'left out: nobody is served here');
      refusals.push({ by: outcome.by, server, paths });
    }
    if (outcome.kind === 'none') displaced.push(displacedAt(location, server));
    if (outcome.kind !== 'pass') continue;
    const carried = (by: Directive): boolean => ledger.judgementOf(by)?.verdict === 'carried';
    displaced.push(displacedBy(location.scope, server, paths).filter(({ by }) => !carried(by)));
    const conditions = refusingConditions(location).filter((one) => !outcome.said.has(one));
    for (const condition of conditions) loseCondition(condition, ledger);
    const lost = [...outcome.lost, ...conditions];
    locations.push({ directive: location.directive, paths, outcome: { ...outcome, lost } });
  }
  if (locations.length === 0) ledger.change(directive, 'left out: none of its locations leads to a service');
  return { server, locations, strippedPrefixes, refusals, displaced: displaced.flat() };
}

/** A server that answers all calls itself, by one `return`. Its locations are never asked. */
function answeredServer(server: Server, answer: Directive, ledger: Ledger): ServedServer {
  const isRefusing = refusingReturn(answer) !== undefined;
  const branch = isRefusing ? undefined : answerBranch(answer, server.scope, ledger);
  if (!isRefusing && branch === undefined) ledger.refuse(answer, whyNoAnswer(answer));
  for (const location of server.scope.own('location')) {
    ledger.change(location, 'left out: nginx never gets here, as the server answers by return');
    ledger.settleBlock(location);
  }
  const conditions = server.scope.own('if');
  const lost =
    branch === undefined ? [] : conditions.filter((one) => isRefusingCondition(one) || isGate(one));
  for (const condition of conditions) {
    if (lost.includes(condition))
      ledger.refuseAccess(
        condition,
        'there are no conditions: those that it refuses get the answer of the server',
      );
    else ledger.refuse(condition, 'left out with its server, which answers all of its calls by return');
    ledger.settleBlock(condition);
  }
  if (branch !== undefined) {
    const outcome = {
      kind: 'pass',
      pass: answer,
      branches: [branch],
      lost,
      said: new Set<Directive>(),
    } as const;
    const locations = [{ directive: answer, paths: ['/*'], outcome }];
    return { server, locations, strippedPrefixes: [], refusals: [], displaced: [] };
  }
  ledger.change(server.directive, 'left out: nginx itself answers all of its calls');
  const refusals = isRefusing ? [{ by: answer, server, paths: ['/*'] }] : [];
  const displaced = isRefusing
    ? []
    : [{ by: answer, server, paths: ['/*'], pass: undefined, isGate: false, isBeforeLocations: true }];
  return { server, locations: [], strippedPrefixes: [], refusals, displaced };
}

function isUnsayable({ pattern }: Location): boolean {
  return pattern.kind !== 'named' && pattern.paths === undefined;
}

/** A location of which no route is made. What answers about nginx itself is no loss. */
function displacedAt({ scope, directive, pattern }: Location, server: Server): readonly Displaced[] {
  if (refusalOf(scope) !== undefined || scope.own('stub_status').length > 0) return [];
  const passes = [...scope.own('grpc_pass'), ...scope.own('proxy_pass')];
  const isPlain = passes.length === 1 && scope.own('rewrite').length + scope.own('if').length === 0;
  return [
    {
      by: directive,
      server,
      paths: pattern.paths,
      pass: isPlain ? passes[0] : undefined,
      isGate: false,
      isBeforeLocations: false,
    },
  ];
}

/** Conditions on which nginx sends calls elsewhere, or answers them. */
function displacedBy(
  scope: Scope,
  server: Server,
  paths: readonly string[] | undefined,
): readonly Displaced[] {
  return scope
    .own('if')
    .filter(
      (condition) =>
        !isRefusingCondition(condition) &&
        [...allDirectives(condition.block ?? [])].some(({ name }) => ANSWERING.test(name)),
    )
    .map((by) => ({
      by,
      server,
      paths,
      pass: undefined,
      isGate: isGate(by),
      isBeforeLocations: paths === undefined,
    }));
}

/** Whether some are answered or sent to another place in the site, as to a page where they log in. The service never sees them. */
function isGate({ block = [] }: Directive): boolean {
  return [...allDirectives(block)].some(
    ({ name, words }) => name === 'return' || (name === 'rewrite' && words[2] !== 'break'),
  );
}

const ANSWERING = /^(.*_pass|return|rewrite|root|alias|try_files)$/;

/** A location whose paths cannot be said, and where somebody is refused. */
function unsayableRefusal(location: Location, server: Server, ledger: Ledger): readonly Refusal[] {
  const { pattern, directive, scope } = location;
  if (pattern.kind === 'named' || pattern.paths !== undefined) return [];
  const rules = rulesIn(directive.block ?? []);
  ledger.settleBlock(directive);
  return scope.directives.length === 0 ? [] : rules.map((by) => ({ by, server, paths: undefined }));
}

function strippedOf({ scope }: Server, ledger: Ledger): readonly string[] {
  return scope.own('rewrite').flatMap((rewrite) => {
    const prefix = strippedBy(rewrite);
    if (prefix === undefined || /^(redirect|permanent)$/.test(rewrite.words[2] ?? '')) {
      ledger.refuse(rewrite, 'of rewriting this version has stripPrefix, which takes a whole prefix away');
      return [];
    }
    ledger.carry(rewrite, `each route once more below ${prefix}, with stripPrefix`);
    return [prefix];
  });
}

/** Conditions around a location by which some are refused. */
function refusingConditions({ scope }: Location): readonly Directive[] {
  const found: (readonly Directive[])[] = [];
  for (let at: typeof scope | undefined = scope; at !== undefined; at = at.parent) {
    found.push(at.own('if').filter((one) => isRefusingCondition(one) || isGate(one)));
  }
  return found.flat();
}

/** Another location may say the condition, where it holds for both. */
function loseCondition(condition: Directive, ledger: Ledger): void {
  if (ledger.judgementOf(condition)?.verdict === 'carried')
    ledger.refuseAccess(condition, 'not all routes that it holds for can say it');
}

export function isRefusingCondition({ block = [] }: Directive): boolean {
  return rulesIn(block).length > 0;
}

/**
 * nginx's idiom: a location that makes a gRPC status of an HTTP error. Framegate makes one by itself.
 * @returns the locations that do not answer errors alone
 */
function judgeErrorPages({ scope }: Server, all: readonly Location[], ledger: Ledger): readonly Location[] {
  const pages = new Set(
    [scope, ...all.map((location) => location.scope)].flatMap((each) =>
      each.own('error_page').map(({ words }) => words.at(-1) ?? ''),
    ),
  );
  // One that no error leads to answers the calls of its paths.
  const idioms = new Set(
    all.filter(
      (location) =>
        (location.pattern.kind === 'named' || pages.has(location.pattern.text)) &&
        location.scope.own('add_header').some(({ words }) => /^grpc-status$/i.test(words[0] ?? '')) &&
        location.scope.own('grpc_pass').length === 0,
    ),
  );
  for (const { directive } of idioms) {
    ledger.change(directive, OWN_STATUS);
    ledger.settleBlock(directive);
  }
  const names = new Set(Array.from(idioms, ({ pattern }) => pattern.text));
  for (const one of [scope, ...all.map((location) => location.scope)].flatMap((each) =>
    each.inherited('error_page'),
  )) {
    if (names.has(one.words.at(-1) ?? '')) ledger.change(one, OWN_STATUS);
  }
  for (const { pattern, directive } of all) {
    if (pattern.kind !== 'named' || names.has(pattern.text)) continue;
    ledger.refuse(
      directive,
      'left out: nothing leads to named locations, as errors are answered by Framegate itself',
    );
    ledger.settleBlock(directive);
  }
  return all.filter((location) => !idioms.has(location));
}

const OWN_STATUS =
  'left out: gRPC clients get a gRPC status by itself, with a sentence that says what is wrong';

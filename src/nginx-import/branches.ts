// The branches of a location whose calls go to a service: one for all of them, or one for each value of a header field that decides.
// A split is one branch with several upstreams.

import type { Directive } from './directive.ts';
import { headerConditionOf } from './header-condition.ts';
import { headerEntriesOf } from './header-fields.ts';
import type { Ledger } from './ledger.ts';
import type { Location } from './locations.ts';
import { greatest } from './nginx-values.ts';
import { type ChosenTarget, type PassTargets, passTargetsOf } from './pass-target.ts';
import { rewritingOf } from './path-rewriting.ts';
import { retryOf, timeoutsOf } from './route-settings.ts';
import type { UpstreamGroups } from './upstream-groups.ts';
import { areApart, type Case } from './variable-choice.ts';
import { type YamlEntry, type YamlItem, YamlList, YamlMap } from './yaml-text.ts';

export interface Branch {
  /** What a call must have besides the path. */
  readonly header: YamlEntry | undefined;
  /** `upstream`, `split`, `respond` or `redirect`. */
  readonly destination: YamlEntry;
  /** Empty if Framegate answers itself. */
  readonly upstreams: readonly string[];
  readonly pass: Directive;
  readonly stripPrefix: string | undefined;
  readonly settings: readonly YamlEntry[];
}

/** @returns undefined if one of the targets cannot be carried over, so that calls would go elsewhere */
export function branchesOf(
  location: Location,
  pass: Directive,
  groups: UpstreamGroups,
  ledger: Ledger,
): readonly Branch[] | undefined {
  const conditional = conditionalPasses(location);
  const ways = conditional.map(({ inner }) => {
    const way = branchesOfPass(location, inner, groups, ledger);
    const [only, ...others] = way?.branches ?? [];
    return way === undefined || others.length > 0 || only.header !== undefined
      ? undefined
      : { only, accept: way.accept };
  });
  const own = branchesOfPass(location, pass, groups, ledger);
  own?.accept(ledger);
  if (own === undefined || conditional.length === 0) return own?.branches;
  // Two criteria would have to be put together: what the conditions send elsewhere is reported instead.
  if (ways.includes(undefined) || own.branches.length > 1) return own.branches;
  const branches = conditional.flatMap(({ condition, cases }, index) => {
    const way = ways[index];
    if (way === undefined) return [];
    ledger.carry(condition, 'a route with match.headers');
    way.accept(ledger);
    return cases.map((one) => ({ ...way.only, header: headerEntry(one) }));
  });
  return [...branches, ...own.branches];
}

interface PassBranches {
  readonly branches: readonly Branch[];
  /** Judges the directives that they come from, once they are used. */
  readonly accept: PassTargets['accept'];
}

interface ConditionalPass {
  readonly condition: Directive;
  readonly inner: Directive;
  readonly cases: readonly Case[];
}

/** @returns what `if` sends elsewhere by the value of one header field; nothing if there are conditions of another kind too */
function conditionalPasses({ scope }: Location): readonly ConditionalPass[] {
  const conditions = scope.own('if');
  const found = conditions.flatMap((condition) => {
    const wanted = headerConditionOf(condition);
    const [inner, ...others] = condition.block ?? [];
    if (wanted === undefined || others.length > 0 || !/^(grpc|proxy)_pass$/.test(inner?.name ?? ''))
      return [];
    const cases = wanted.values.map((value) => ({
      header: { name: wanted.header, value },
      text: '',
      share: undefined,
      from: condition,
    }));
    return [{ condition, inner, cases }];
  });
  const isWhole = found.length === conditions.length && found.length > 0;
  return isWhole && areApart(found.flatMap(({ cases }) => cases)) ? found : [];
}

function branchesOfPass(
  location: Location,
  pass: Directive,
  groups: UpstreamGroups,
  ledger: Ledger,
): PassBranches | undefined {
  const kind = pass.name === 'grpc_pass' ? 'grpc' : 'proxy';
  const headers = headerEntriesOf(location.scope, kind, ledger);
  const read = passTargetsOf(pass, location.scope, ledger);
  const reached = read?.targets.map((one) => reach(one, location, pass, groups, ledger));
  if (read === undefined || reached === undefined || reached.includes(undefined)) return undefined;
  const known = reached.flatMap((one) => one ?? []);
  const [first] = known;
  if (known.some(({ stripPrefix }) => stripPrefix !== first.stripPrefix)) {
    ledger.refuse(pass, 'its targets put different paths in the place of the location');
    return undefined;
  }
  const accept: PassTargets['accept'] = (into) => {
    into.carry(pass);
    read.accept(into);
  };
  const servers = greatest(known.map(({ upstream }) => groups.serverCount(upstream)));
  const settings = [
    ...headers,
    ...timeoutsOf(location.scope, kind, ledger),
    ...retryOf(location.scope, kind, servers, ledger),
  ];
  const shared = { pass, stripPrefix: first.stripPrefix, settings };
  if (first.by?.share !== undefined) {
    const destination = splitOf(known, pass);
    if (destination !== undefined) {
      const upstreams = known.map(({ upstream }) => upstream);
      return { branches: [{ ...shared, header: undefined, destination, upstreams }], accept };
    }
    ledger.refuse(pass, `the percentages make weights above ${MOST_WEIGHT}: round them`);
    return undefined;
  }
  const branches = known.map(({ by, upstream }) => ({
    ...shared,
    header: by === undefined ? undefined : headerEntry(by),
    destination: { key: 'upstream', value: upstream, from: by?.from ?? pass },
    upstreams: [upstream],
  }));
  return { branches, accept };
}

interface Reached {
  readonly by: Case | undefined;
  readonly upstream: string;
  readonly stripPrefix: string | undefined;
}

function reach(
  { target, by }: ChosenTarget,
  location: Location,
  pass: Directive,
  groups: UpstreamGroups,
  ledger: Ledger,
): Reached | undefined {
  const rewriting = rewritingOf(location, target, pass, ledger);
  if (rewriting === 'other') return undefined;
  const upstream = groups.nameFor(target, pass, location.scope);
  return upstream === undefined ? undefined : { by, upstream, stripPrefix: rewriting.stripPrefix };
}

function headerEntry({ header, from }: Case): YamlEntry | undefined {
  if (header === undefined) return undefined;
  return { key: 'headers', value: new YamlMap([{ key: header.name, value: header.value, from }]) };
}

/** Weights of a split go up to this. */
const MOST_WEIGHT = 1000;

/** @returns undefined if whole numbers up to the greatest weight cannot say the shares */
function splitOf(parts: readonly Reached[], pass: Directive): YamlEntry | undefined {
  const shares = new Map<string, { share: number; readonly from: Directive | undefined }>();
  for (const { upstream, by } of parts) {
    const known = shares.get(upstream);
    if (known === undefined) shares.set(upstream, { share: by?.share ?? 0, from: by?.from });
    else known.share += by?.share ?? 0;
  }
  const [[only], ...others] = shares;
  if (others.length === 0) return { key: 'upstream', value: only, from: pass };
  const divisor = [...shares.values()].map(({ share }) => share).reduce(greatestDivisor);
  if (greatest([...shares.values()].map(({ share }) => share / divisor)) > MOST_WEIGHT) return undefined;
  return {
    key: 'split',
    from: pass,
    value: new YamlList(
      Array.from(
        shares,
        ([upstream, { share, from }]): YamlItem => ({
          value: new YamlMap([
            { key: 'upstream', value: upstream, from },
            { key: 'weight', value: share / divisor },
          ]),
        }),
      ),
    ),
  };
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other);
}

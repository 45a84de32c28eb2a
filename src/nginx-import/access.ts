// `access` of the routes, and the identities that it names, from the rules of nginx about who may call: addresses, passwords, certificates.

import { resolve } from 'node:path';
import { letInBy } from './access-rules.ts';
import {
  type AddressSets,
  allowedAddresses,
  EVERYBODY,
  isEverybody,
  namedAddresses,
  type PlacedNetwork,
} from './address-lists.ts';
import type { ClientAddresses } from './client-addresses.ts';
import { type ClientCertificates, demandsCertificate } from './client-certificates.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { passwordFileOf } from './password-files.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, type YamlItem, YamlList, YamlMap, YamlWords } from './yaml-text.ts';

export interface LocationAccess {
  readonly entry: YamlEntry | undefined;
  /** The directives that it says. */
  readonly said: ReadonlySet<Directive>;
}

/** What the rules of a location have become. */
interface Found {
  readonly said: Set<Directive>;
  readonly addresses: readonly Directive[];
  readonly password: string | undefined;
  readonly certificate: string | undefined;
}

const CERTIFICATES = 'client-certificates';

export class ImportedAccess {
  readonly #addresses: ClientAddresses;
  readonly #certificates: ClientCertificates;
  readonly #folder: string | undefined;
  readonly #userFiles: ReadonlyMap<string, string>;
  readonly #ledger: Ledger;
  /** The names of identities, by the file as nginx names it. */
  readonly #users = new Map<
    string,
    { readonly name: string; readonly file: string; readonly from: Directive }
  >();
  /** What a block of rules says, which thousands of locations may inherit. */
  readonly #sets = new WeakMap<readonly Directive[], AddressSets | 'unsayable'>();
  #asksForCertificates = false;

  constructor(
    parts: { readonly addresses: ClientAddresses; readonly certificates: ClientCertificates },
    {
      folder,
      userFiles = new Map(),
    }: { folder: string | undefined; userFiles?: ReadonlyMap<string, string> | undefined },
    ledger: Ledger,
  ) {
    this.#addresses = parts.addresses;
    this.#certificates = parts.certificates;
    this.#folder = folder;
    this.#userFiles = userFiles;
    this.#ledger = ledger;
  }

  /** @param scope a location whose calls go to a service. The rules that are said are judged, the others are not. */
  of(scope: Scope): LocationAccess {
    const said = new Set<Directive>();
    const certificate = this.#certificateOf(scope, said);
    const password = this.#passwordOf(scope, said);
    const addresses = scope.inherited('allow', 'deny');
    const found = { said, addresses, password, certificate };
    const satisfy = scope.setting('satisfy');
    const isAny = satisfy?.words[0] === 'any';
    const entry = isAny ? this.#anyOf(scope, found) : this.#allOf(scope, found);
    const isOpen = !isAskedElsewhere(scope) && addresses.every((rule) => said.has(rule));
    if (satisfy !== undefined && (entry !== undefined || isOpen)) {
      said.add(satisfy);
      this.#ledger.carry(satisfy, 'access');
    }
    return { entry, said };
  }

  identityEntries(): readonly YamlEntry[] {
    const entries: YamlEntry[] = Array.from(this.#users.values(), ({ name, file, from }) => ({
      key: name,
      value: new YamlMap([{ key: 'basic', value: new YamlMap([{ key: 'file', value: file, from }]) }]),
    }));
    if (this.#asksForCertificates)
      entries.push({
        key: CERTIFICATES,
        value: new YamlMap([{ key: 'clientCertificate', value: new YamlMap([]) }]),
      });
    return entries;
  }

  /** Every check has to let the client in. */
  #allOf(scope: Scope, { said, addresses, password, certificate }: Found): YamlEntry | undefined {
    const sets = this.#setsOf(scope, addresses);
    if (sets !== undefined) this.#sayAddresses(addresses, said);
    const isOpen = sets === undefined || isEverybody(sets);
    if (sets?.allow.length === 0) return accessEntry(certificate ?? password, [[everybody()]], everyone());
    const [required, other] = certificate === undefined ? [password, undefined] : [certificate, password];
    if (required === undefined && isOpen) return undefined;
    const criteria = [
      other === undefined ? undefined : { key: 'identity', value: other },
      isOpen || areWhole(sets.allow) ? undefined : clientEntry(sets.allow),
    ].filter((one) => one !== undefined);
    const allow = criteria.length > 0 ? [criteria] : required === undefined ? [[everybody()]] : [];
    return accessEntry(required, allow, isOpen ? [] : sets.deny);
  }

  /** One check that lets the client in is enough, so that `deny`, which comes before all of `allow`, cannot be used. */
  #anyOf(scope: Scope, found: Found): YamlEntry | undefined {
    const { said, addresses, password, certificate } = found;
    if (addresses.length === 0 || (password === undefined && !isAskedElsewhere(scope)))
      return this.#allOf(scope, found);
    const named = this.#namedOf(scope, addresses);
    if (named !== undefined && (named.length > 0 || password !== undefined))
      this.#sayAddresses(addresses, said);
    if (named !== undefined && areWhole(named))
      return certificate === undefined ? undefined : accessEntry(certificate, [], []);
    const ways = [
      named === undefined || named.length === 0 ? undefined : [clientEntry(named)],
      password === undefined ? undefined : [{ key: 'identity', value: password }],
    ].filter((one) => one !== undefined);
    return certificate === undefined && ways.length === 0 ? undefined : accessEntry(certificate, ways, []);
  }

  #namedOf(scope: Scope, addresses: readonly Directive[]): readonly PlacedNetwork[] | undefined {
    const why = this.#addresses.whyOther(scope);
    const named = why === undefined ? namedAddresses(addresses) : undefined;
    if (named === undefined) this.#refuseAddresses(addresses, why);
    return named;
  }

  #setsOf(scope: Scope, addresses: readonly Directive[]): AddressSets | undefined {
    if (addresses.length === 0) return undefined;
    const sets = this.#sets.get(addresses) ?? allowedAddresses(addresses) ?? 'unsayable';
    this.#sets.set(addresses, sets);
    const why = this.#addresses.whyOther(scope);
    if (sets !== 'unsayable' && (why === undefined || isEverybody(sets))) return sets;
    this.#refuseAddresses(addresses, why);
    return undefined;
  }

  #refuseAddresses(
    addresses: readonly Directive[],
    why = 'these addresses cannot be said as networks',
  ): void {
    for (const rule of addresses)
      this.#ledger.refuseAccess(rule, `${why}. Write routes[].access by hand (docs/access.md)`);
  }

  #sayAddresses(addresses: readonly Directive[], said: Set<Directive>): void {
    for (const rule of addresses) {
      said.add(rule);
      this.#ledger.carry(rule, 'access of the route');
    }
  }

  /** @returns the name of the identity that a client has to have */
  #passwordOf(scope: Scope, said: Set<Directive>): string | undefined {
    const basic = scope.setting('auth_basic');
    const file = scope.setting('auth_basic_user_file');
    const delay = scope.setting('auth_delay');
    const [realm = 'off'] = basic?.words ?? [];
    const [path = ''] = file?.words ?? [];
    for (const one of [basic, file, delay]) if (one !== undefined) said.add(one);
    if (basic === undefined || file === undefined || realm === 'off') {
      // nginx asks nobody where one of the two is missing.
      for (const one of [basic, file, delay])
        if (one !== undefined) this.#ledger.carry(one, 'nobody is asked, as in nginx');
      return undefined;
    }
    if (`${realm}${path}`.includes('$')) {
      for (const one of [basic, file]) {
        said.delete(one);
        this.#ledger.refuseAccess(
          one,
          'variables are not filled in: write identities and routes[].access by hand (docs/access.md)',
        );
      }
      return undefined;
    }
    const { name } = this.#usersOf(path, file);
    this.#ledger.carry(
      basic,
      `access asks for the identity ${name}. Browsers show this name instead of the realm`,
    );
    if (delay !== undefined)
      this.#ledger.change(delay, 'nothing to set: an address may fail ten times, and once more each second');
    return name;
  }

  #usersOf(path: string, from: Directive): { readonly name: string } {
    const known = this.#users.get(path);
    if (known !== undefined) {
      this.#judgeUsers(path, known.name, from);
      return known;
    }
    const name = this.#users.size === 0 ? 'users' : `users-${this.#users.size + 1}`;
    const { file } = this.#judgeUsers(path, name, from);
    this.#users.set(path, { name, file, from });
    return { name };
  }

  #judgeUsers(path: string, name: string, from: Directive): { readonly file: string } {
    const whole = this.#folder === undefined ? path : resolve(this.#folder, path);
    const { file, toDo } = passwordFileOf(whole, this.#userFiles.get(path));
    if (toDo === undefined) this.#ledger.carry(from, `identities.${name}`);
    else this.#ledger.change(from, `identities.${name}: ${toDo}`);
    return { file };
  }

  /** @returns the name of the identity that a client has to have, if the listener does not insist on it */
  #certificateOf(scope: Scope, said: Set<Directive>): string | undefined {
    let server: Directive | undefined;
    const conditions: Directive[] = [];
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      if (at.owner?.name === 'server') server ??= at.owner;
      conditions.push(...at.own('if').filter(demandsCertificate));
    }
    const need = server === undefined ? undefined : this.#certificates.needOf(server);
    if (need === undefined || need.kind === 'lost') return undefined;
    for (const name of ['ssl_verify_client', 'ssl_client_certificate', 'ssl_crl'])
      for (const rule of scope.inherited(name)) said.add(rule);
    if (need.kind === 'none') return undefined;
    for (const condition of conditions) {
      for (const one of [condition, ...(condition.block ?? [])]) {
        said.add(one);
        this.#ledger.carry(one, `access.require: ${CERTIFICATES}`);
      }
    }
    if (conditions.length === 0 && (need.kind !== 'asked' || !need.isRequired)) return undefined;
    this.#asksForCertificates = true;
    return CERTIFICATES;
  }
}

/** Whether a rule that cannot be said lets clients in. */
function isAskedElsewhere(scope: Scope): boolean {
  return letInBy(scope).some(({ name }) => !/^auth_(basic|basic_user_file|delay)$/.test(name));
}

function accessEntry(
  required: string | undefined,
  allow: readonly (readonly YamlEntry[])[],
  deny: readonly PlacedNetwork[],
): YamlEntry {
  return {
    key: 'access',
    value: new YamlMap([
      required === undefined ? undefined : { key: 'require', value: new YamlWords([required]) },
      rulesEntry('allow', allow),
      rulesEntry('deny', deny.length === 0 ? [] : [[clientEntry(deny)]]),
    ]),
  };
}

function rulesEntry(key: string, rules: readonly (readonly YamlEntry[])[]): YamlEntry | undefined {
  if (rules.length === 0) return undefined;
  return { key, value: new YamlList(rules.map((criteria): YamlItem => ({ value: new YamlMap(criteria) }))) };
}

function clientEntry(networks: readonly PlacedNetwork[]): YamlEntry {
  return {
    key: 'client',
    value: new YamlList(networks.map(({ network, from }) => ({ value: network, from }))),
  };
}

function everybody(): YamlEntry {
  return { key: 'client', value: new YamlWords(EVERYBODY) };
}

function everyone(): readonly PlacedNetwork[] {
  return EVERYBODY.map((network) => ({ network, from: undefined }));
}

function areWhole(allow: readonly PlacedNetwork[]): boolean {
  return EVERYBODY.every((all) => allow.some(({ network }) => network === all));
}

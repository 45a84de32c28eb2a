// Judges the directives that no other part of the translation has judged: by the table of directives, and by rules for those that the table
// does not have.

import {
  decidesAccess,
  isHarmless,
  isNamedRule,
  isProgram,
  OPEN_TO_ALL,
  refusingReturn,
  whyLost,
} from './access-rules.ts';
import { allDirectives, type Directive } from './directive.ts';
import { isConnectionMap } from './header-fields.ts';
import { rowOf } from './known-directives.ts';
import type { Ledger } from './ledger.ts';
import { whyNoAnswer } from './outcomes.ts';
import { isRefusingCondition } from './served-servers.ts';

/** Judges all that no part of the translation has judged. */
export function settleRest(all: readonly Directive[], ledger: Ledger): void {
  // What is not known there may change how services are chosen, or how sockets are waited for. It asks no client.
  const asksNobody = new Set(
    all.filter(({ name }) => /^(upstream|events)$/.test(name)).flatMap(({ block }) => block ?? []),
  );
  for (const directive of all) {
    if (ledger.judgementOf(directive) !== undefined) continue;
    if (asksNobody.has(directive) && !isNamedRule(directive) && !isProgram(directive))
      settleByName(directive, ledger);
    else settle(directive, ledger);
  }
}

/** Judges a directive that no part of the translation has judged. */
export function settle(directive: Directive, ledger: Ledger): void {
  const { name } = directive;
  if (directive.isMissing === true)
    ledger.change(directive, 'not there, and left out: types of files and modules have nothing to set');
  else if (/^(http|include)$/.test(name)) ledger.carry(directive);
  else if (isConnectionMap(directive)) {
    ledger.carry(directive, 'nothing to set: WebSockets work by themselves');
    ledger.settleBlock(directive);
  } else if (/^(stream|mail)$/.test(name)) settleOtherProtocol(directive, ledger);
  else if (name === 'if') settleCondition(directive, ledger);
  else if (name === 'return') {
    if (refusingReturn(directive) === undefined) ledger.refuse(directive, whyNoAnswer(directive));
    else ledger.refuseAccess(directive, 'nobody is refused here by this version');
  } else if (decidesAccess(directive)) settleAccess(directive, ledger);
  else settleByName(directive, ledger);
}

function settleOtherProtocol(directive: Directive, ledger: Ledger): void {
  settleByName(directive, ledger);
  for (const inner of allDirectives(directive.block ?? []))
    if (isNamedRule(inner)) settleAccess(inner, ledger);
  ledger.settleBlock(directive);
}

function settleCondition(directive: Directive, ledger: Ledger): void {
  const note = 'there are no conditions: calls are told apart by match (listener, host, path, headers)';
  if (isRefusingCondition(directive))
    ledger.refuseAccess(directive, `${note}. It refuses somebody, who would be served now`);
  else ledger.refuse(directive, note);
  for (const pass of (directive.block ?? []).filter(({ name }) => /^(grpc|proxy)_pass$/.test(name)))
    ledger.refuse(pass, 'left out with its condition');
}

function settleAccess(directive: Directive, ledger: Ledger): void {
  if (isHarmless(directive)) ledger.carry(directive, OPEN_TO_ALL);
  else if (directive.name.endsWith('_zone')) ledger.refuse(directive, 'goes with its limit');
  else ledger.refuseAccess(directive, whyLost(directive));
}

function settleByName(directive: Directive, ledger: Ledger): void {
  const row = rowOf(directive.name);
  const meant = /^(grpcs|https|http)_pass$/.exec(directive.name)?.[1];
  if (meant !== undefined)
    ledger.refuse(
      directive,
      `nginx has no such directive: did you mean ${meant === 'grpcs' ? 'grpc' : 'proxy'}_pass ${meant}://…?`,
    );
  else if (row === undefined)
    ledger.refuse(directive, 'Framegate has nothing of this name; docs/from-nginx.md lists what it has');
  else if (row.verdict === 'changed') ledger.change(directive, row.note);
  else ledger.refuse(directive, row.note);
  if (/^(types|map|geo|split_clients|charset_map|match)$/.test(directive.name)) ledger.settleBlock(directive);
}

// The admission of one call: policies that answer at once, and policies that ask and are answered by the test, late, twice or never.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AddedFields } from '../../src/calls/added-fields.ts';
import { FAULT, type Failure } from '../../src/calls/failure.ts';
import type { AdmittedCall, PendingQuestion, Policy, Questioner } from '../../src/calls/policy.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { Admission, type AdmissionOwner } from '../../src/relay/admission.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClientAccount } from '../../src/upstreams/client-account.ts';
import { paced, UNLIMITED } from '../support/clocked-tokens.ts';
import { eventually } from '../support/eventually.ts';
import { type Field, grpcList, headFor, policiedSnapshot } from '../support/policied-snapshot.ts';
import { Admitting, Asking, type OpenQuestion } from '../support/policies.ts';
import { RecordedStream } from '../support/recorded-stream.ts';
import { CLOSED } from '../support/refusing-policy.ts';

class Admitted implements AdmissionOwner {
  readonly subject: RequestHead;
  readonly request = new StreamRelay(true);
  readonly response = new StreamRelay(true);
  readonly faults: unknown[] = [];
  readonly admission: Admission;
  readonly account = new ClientAccount('192.0.2.1', false);
  readonly home = { accountFor: () => this.account };
  readonly requestId = 7;
  nowMs = 0;
  readonly durationMs = 0;
  identity: string | undefined = undefined;
  readonly deadlines = new DeadlineWheel(() => this.nowMs);
  readonly tokenLines = new TokenLines(this.deadlines);
  isFinished = false;
  /** What the owner was told: 'admitted', or the token of a failure. */
  readonly told: string[] = [];
  /** What the owner does where it is told that the call is admitted. */
  onAdmitted: () => void = () => undefined;

  constructor(policies: readonly Policy[], ...fields: readonly Field[]) {
    this.subject = headFor(grpcList(...fields), policiedSnapshot(policies, this.faults));
    this.admission = new Admission(this, {
      deadlines: this.deadlines,
      requestIds: new RequestIds(),
      tokenLines: this.tokenLines,
    });
  }

  begin(): this {
    this.admission.begin();
    return this;
  }

  admitted(): void {
    this.told.push('admitted');
    this.onAdmitted();
  }

  /** As an exchange does, which ends with it. */
  fail({ token }: Failure): void {
    this.told.push(token);
    this.admission.cancel();
  }

  breakOff({ token }: Failure): void {
    this.told.push(`broken off: ${token}`);
  }

  abort(cause: Failure): void {
    this.fail(cause);
  }

  exceeded(cause: Failure): void {
    this.fail(cause);
  }

  requestWritable(): void {}
  onWritable(): void {}

  fault(error: unknown): void {
    this.faults.push(error);
  }

  passes(ms: number): void {
    this.nowMs += ms;
    this.deadlines.advance();
  }

  get added(): Readonly<Record<string, string>> {
    const added = this.admission.changes?.added;
    if (added === undefined) return {};
    return Object.fromEntries(added.names.map((name, index) => [name, added.valueAt(index)]));
  }
}

const THROWN = new Error('thrown by a policy');

function thrower(): never {
  throw THROWN;
}

function question({ questions }: Asking, index = 0): OpenQuestion {
  const found = questions[index];
  assert.ok(found !== undefined, `question ${index} was not asked`);
  return found;
}

test('a verdict is asked for with each call and may change', () => {
  const policy = new Admitting();
  const first = new Admitted([policy]).begin();
  assert.deepEqual([first.told, first.added], [['admitted'], { 'x-admitted': '1' }]);
  policy.verdict = CLOSED;
  assert.deepEqual(new Admitted([policy]).begin().told, ['route_closed']);
  policy.verdict = undefined;
  assert.deepEqual(new Admitted([policy]).begin().told, ['admitted']);
  assert.equal(policy.asked, 3);
});

test('any header field may be read, as the client sent it', () => {
  const seen: (string | undefined)[] = [];
  const policy: Policy = {
    key: 'reader',
    adds: ['x-token'],
    ask: (call) => void seen.push(call.header('x-token'), call.header('x-none'), call.subject.method),
  };
  new Admitted([policy], ['x-token', 'mine'], ['x-token', 'other']).begin();
  assert.deepEqual(seen, ['mine, other', undefined, '/a.B/C']);
});

test('policies are asked in the order of the route, whether they answer at once or later', () => {
  const asking = new Asking();
  const admitting = new Admitting();
  admitting.verdict = CLOSED;
  assert.deepEqual(new Admitted([admitting, asking]).begin().told, ['route_closed']);
  assert.equal(asking.questions.length, 0);
  const call = new Admitted([asking, admitting]).begin();
  assert.deepEqual([call.told, admitting.asked], [[], 1]);
  question(asking).admit();
  assert.deepEqual([call.told, admitting.asked], [['route_closed'], 2]);
});

test('a policy that throws where it asks refuses the call and is reported, whatever it said before', () => {
  const asks: readonly Required<Policy>['ask'][] = [
    thrower,
    (_call, questioner) => {
      questioner.admit();
      return thrower();
    },
  ];
  for (const ask of asks) {
    const later = new Asking();
    const call = new Admitted([{ key: 'bad', ask }, later]).begin();
    assert.deepEqual([call.told, call.faults, later.questions.length], [[FAULT.token], [THROWN], 0]);
  }
});

test('an answer to a policy that has thrown is ignored', () => {
  const told: Questioner[] = [];
  const call = new Admitted([
    {
      key: 'bad',
      ask(_call, questioner) {
        told.push(questioner);
        return thrower();
      },
    },
  ]).begin();
  told[0]?.admit();
  told[0]?.refuse(CLOSED);
  assert.deepEqual(call.told, [FAULT.token]);
});

/** Adds the field, having declared x-a. */
function adding(name: string, value: string): Policy {
  return {
    key: 'adding',
    adds: ['x-a'],
    ask(call) {
      call.addFields(new AddedFields([[name, value]]));
      return undefined;
    },
  };
}

test('fields that a policy has not declared, or that no field may hold, refuse the call', () => {
  const fields: readonly Field[] = [
    ['x-undeclared', '1'],
    ['x-a', 'two\r\nlines'],
    ['x-a', '\u010a'],
    ['x-a', ' '],
  ];
  for (const [name, value] of fields) {
    const call = new Admitted([adding(name, value)]).begin();
    assert.deepEqual([call.told, call.added, call.faults.length], [[FAULT.token], {}, 1], name);
  }
});

test('a call waits for the answer, and is then told once', () => {
  const asking = new Asking();
  const call = new Admitted([asking]).begin();
  assert.deepEqual(call.told, []);
  const asked = question(asking);
  asked.call.addFields(new AddedFields([['x-asked', 'yes']]));
  asked.admit();
  assert.deepEqual([call.told, call.added], [['admitted'], { 'x-asked': 'yes' }]);
  assert.deepEqual([asked.cancelled, call.deadlines.size], [0, 0]);
});

test('a second answer is ignored, whichever came first', () => {
  for (const first of ['admit', 'refuse'] as const) {
    const asking = new Asking();
    const call = new Admitted([asking]).begin();
    const asked = question(asking);
    asked[first]();
    asked.refuse();
    asked.admit();
    assert.deepEqual(call.told, [first === 'admit' ? 'admitted' : 'route_closed']);
    assert.equal(asked.cancelled, 0);
  }
});

test('an answer before the policy has returned counts, and what it returned is not waited for', () => {
  for (const answer of ['admit', 'refuse'] as const) {
    const asking = new Asking();
    asking.atOnce = (asked) => asked[answer]();
    const call = new Admitted([asking]).begin();
    assert.deepEqual(call.told, [answer === 'admit' ? 'admitted' : 'route_closed']);
    assert.deepEqual([question(asking).cancelled, call.deadlines.size], [0, 0]);
    question(asking).refuse();
    call.passes(120_000);
    assert.equal(call.told.length, 1);
  }
});

test('a policy that has nothing to wait for lets the call pass', () => {
  const call = new Admitted([{ key: 'quick', ask: () => undefined }]).begin();
  assert.deepEqual(call.told, ['admitted']);
});

test('policies ask one after the other; the first refusal ends it', () => {
  const [first, second] = [new Asking('first'), new Asking('second')];
  const call = new Admitted([first, second]).begin();
  assert.equal(second.questions.length, 0);
  question(first).admit();
  assert.deepEqual([second.questions.length, call.told], [1, []]);
  question(first).refuse();
  assert.deepEqual(call.told, [], 'the first has had its say');
  question(second).admit();
  assert.deepEqual(call.told, ['admitted']);

  const refused = new Admitted([first, second]).begin();
  question(first, 1).refuse();
  assert.deepEqual([refused.told, second.questions.length], [['route_closed'], 1]);
});

test('many policies that answer at once ask one after the other without a deep stack', () => {
  const many = Array.from({ length: 20_000 }, (_value, index) => {
    const asking = new Asking(`asking ${index}`);
    if (index > 0) asking.atOnce = (asked) => asked.admit();
    return asking;
  });
  const call = new Admitted(many).begin();
  question(many[0]).admit();
  assert.deepEqual([call.told, call.faults], [['admitted'], []]);
});

test('a question without an answer in its time refuses the call, and is cancelled once', () => {
  const asking = new Asking('extAuth');
  asking.timeoutMs = 500;
  const call = new Admitted([asking]).begin();
  call.passes(480);
  assert.deepEqual(call.told, []);
  call.passes(40);
  assert.deepEqual([call.told, question(asking).cancelled], [['policy_unanswered'], 1]);
  question(asking).admit();
  call.admission.cancel();
  call.passes(1000);
  assert.deepEqual(
    [call.told, question(asking).cancelled, call.deadlines.size],
    [['policy_unanswered'], 1, 0],
  );
});

test('a policy may decide itself what happens when its time is over', () => {
  let cancelled = 0;
  const waiting = (timeOver: () => Failure | undefined): Policy => ({
    key: 'waiting',
    ask: () => ({ timeoutMs: 200, cancel: () => void cancelled++, timeOver }),
  });
  const outcomes: [timeOver: () => Failure | undefined, told: string, faults: number][] = [
    [() => undefined, 'admitted', 0],
    [() => CLOSED, 'route_closed', 0],
    [thrower, FAULT.token, 1],
  ];
  for (const [timeOver, told, faults] of outcomes) {
    const call = new Admitted([waiting(timeOver)]).begin();
    call.passes(180);
    assert.deepEqual(call.told, []);
    call.passes(40);
    assert.deepEqual([call.told, call.faults.length, call.deadlines.size], [[told], faults, 0]);
  }
  assert.equal(cancelled, 0);
  const ended = new Admitted([waiting(thrower)]).begin();
  ended.admission.cancel();
  ended.passes(400);
  assert.deepEqual([ended.told, ended.faults, cancelled], [[], [], 1]);
});

test('each question has a time of its own', () => {
  const [first, second] = [new Asking(), new Asking()];
  first.timeoutMs = 500;
  second.timeoutMs = 500;
  const call = new Admitted([first, second]).begin();
  call.passes(400);
  question(first).admit();
  call.passes(400);
  assert.deepEqual(call.told, []);
  call.passes(140);
  assert.deepEqual(
    [call.told, question(first).cancelled, question(second).cancelled],
    [['policy_unanswered'], 0, 1],
  );
});

test('a question without a time to wait for refuses the call, and is cancelled', () => {
  for (const timeoutMs of [Number.POSITIVE_INFINITY, Number.NaN]) {
    const asking = new Asking();
    asking.timeoutMs = timeoutMs;
    const call = new Admitted([asking]).begin();
    assert.deepEqual([call.told, question(asking).cancelled, call.faults.length], [[FAULT.token], 1, 1]);
  }
});

test('what a policy adds once the call has been forwarded, or has ended, is not added', () => {
  for (const answer of ['admit', 'refuse'] as const) {
    const asking = new Asking();
    const call = new Admitted([asking]).begin();
    question(asking)[answer]();
    question(asking).call.addFields(new AddedFields([['x-asked', 'late']]));
    assert.deepEqual(call.added, {});
  }
});

test('a call that ends cancels its question once, and the answer after that is ignored', () => {
  const asking = new Asking();
  const call = new Admitted([asking]).begin();
  call.admission.cancel();
  call.admission.cancel();
  question(asking).admit();
  assert.deepEqual([question(asking).cancelled, call.told, call.deadlines.size], [1, [], 0]);
});

test('nothing is cancelled after the answer', () => {
  const asking = new Asking();
  const call = new Admitted([asking]).begin();
  question(asking).admit();
  call.admission.cancel();
  assert.equal(question(asking).cancelled, 0);
});

test('a policy that throws where it is cancelled is reported, and the call ends as it would have', () => {
  const pending: PendingQuestion = { timeoutMs: 100, cancel: thrower };
  const call = new Admitted([{ key: 'bad', ask: () => pending }]).begin();
  call.passes(200);
  assert.deepEqual([call.told, call.faults], [['policy_unanswered'], [THROWN]]);
  const ended = new Admitted([{ key: 'bad', ask: () => pending }]).begin();
  ended.admission.cancel();
  assert.deepEqual([ended.told, ended.faults, ended.deadlines.size], [[], [THROWN], 0]);
});

test('what goes wrong in the call after an answer does not reach the one who answered', () => {
  const asking = new Asking();
  const call = new Admitted([asking]).begin();
  call.onAdmitted = thrower;
  question(asking).admit();
  assert.deepEqual(call.faults, [THROWN]);
});

/** As its exchange does, when it ends. */
function end(call: AdmittedCall): undefined {
  assert.ok(call instanceof Admission);
  call.cancel();
}

test('a call that a policy ends while it is asked is not asked about further, and its question is cancelled', () => {
  const asking = new Asking();
  asking.atOnce = (asked) => end(asked.call);
  const later = new Asking();
  const call = new Admitted([asking, later]).begin();
  assert.deepEqual([call.told, question(asking).cancelled, later.questions.length], [[], 1, 0]);
  assert.equal(call.deadlines.size, 0);

  const ending: Policy = { key: 'ending', ask: end };
  const other = new Admitted([ending, later]).begin();
  assert.deepEqual([other.told, later.questions.length], [[], 0]);
});

test('a call is asked about again beside its review, and a refusal ends it', () => {
  const again = new Asking();
  const call = new Admitted([new Admitting()]).begin();
  const reviewed: number[] = [];
  call.admission.reviewLater({
    atEpochMs: Date.now() - 1,
    review: () => {
      reviewed.push(call.nowMs);
      return undefined;
    },
  });
  call.admission.askAgainAfter(1000, (questioner) => again.ask(call.admission, questioner));
  call.passes(500);
  assert.deepEqual([reviewed.length, again.questions.length], [1, 0]);
  call.passes(600);
  assert.equal(again.questions.length, 1);
  question(again).refuse();
  assert.deepEqual([call.told, call.deadlines.size], [['admitted', CLOSED.token], 0]);
});

test('the policy of a review is told that there will be none: another one counts, or the call has ended', () => {
  const call = new Admitted([new Admitting()]).begin();
  const dropped: string[] = [];
  for (const name of ['first', 'second'])
    call.admission.reviewLater({
      atEpochMs: Date.now() + 60_000,
      review: () => undefined,
      dropped: () => dropped.push(name),
    });
  assert.deepEqual(dropped, ['first']);
  call.admission.cancel();
  assert.deepEqual(dropped, ['first', 'second']);
  call.admission.reviewLater({
    atEpochMs: Date.now(),
    review: () => undefined,
    dropped: () => dropped.push('too late'),
  });
  assert.deepEqual(dropped, ['first', 'second', 'too late']);
});

test('a call that is asked about again goes on while it is allowed, and asks no more when it has ended', () => {
  const again = new Asking();
  const call = new Admitted([new Admitting()]).begin();
  call.admission.askAgainAfter(1000, (questioner) => again.ask(call.admission, questioner));
  call.passes(1100);
  question(again).admit();
  assert.deepEqual(call.told, ['admitted']);
  call.admission.askAgainAfter(1000, (questioner) => again.ask(call.admission, questioner));
  call.passes(1100);
  call.admission.cancel();
  assert.deepEqual([again.questions.length, again.questions[1]?.cancelled, call.deadlines.size], [2, 1, 0]);
});

test('a policy that throws where it asks again ends the call', () => {
  const call = new Admitted([new Admitting()]).begin();
  call.admission.askAgainAfter(1000, thrower);
  call.passes(1100);
  assert.deepEqual([call.faults, call.deadlines.size], [[THROWN], 0]);
});

test('what an authorizer is shown has no fields that a client may not send', () => {
  const call = new Admitted(
    [new Admitting()],
    ['x-admitted', 'forged'],
    ['x-real-ip', '203.0.113.9'],
    ['x-plain', 'a'],
  ).begin();
  const fields = call.admission.presentedFields();
  assert.deepEqual(
    ['x-admitted', 'x-real-ip', 'x-plain', 'x-forwarded-for'].map((name) => fields.get(name)),
    ['1', undefined, 'a', '192.0.2.1'],
  );
});

test('a call that no policy changes keeps no changes', () => {
  const call = new Admitted([{ key: 'quick', ask: () => undefined }]).begin();
  assert.deepEqual([call.told, call.admission.changes], [['admitted'], undefined]);
});

test('a call that runs holds neither its question nor the answer, whenever that came', async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const held: WeakRef<PendingQuestion>[] = [];
  const questioners: Questioner[] = [];
  const ask = (questioner: Questioner, isAtOnce: boolean): PendingQuestion => {
    const pending = { timeoutMs: 1000, cancel: () => undefined, big: Buffer.alloc(1000) };
    held.push(new WeakRef(pending));
    if (isAtOnce) questioner.admit();
    else questioners.push(questioner);
    return pending;
  };
  const call = new Admitted([
    { key: 'later', ask: (_call, questioner) => ask(questioner, false) },
    { key: 'at once', ask: (_call, questioner) => ask(questioner, true) },
  ]).begin();
  questioners[0]?.admit();
  for (const isAtOnce of [false, true]) {
    call.admission.askAgainAfter(1000, (questioner) => ask(questioner, isAtOnce));
    call.passes(1100);
    questioners[1]?.admit();
  }
  assert.equal(held.length, 4);
  // The questioners stay with those who have answered, as with a service whose connection is kept.
  await eventually('the questions are gone', () => {
    collect();
    return held.every((one) => one.deref() === undefined);
  });
  assert.deepEqual([call.told, questioners.length], [['admitted'], 2]);
});

test('a call whose own deadline comes first is not asked about again', () => {
  const call = new Admitted([new Admitting()], ['grpc-timeout', '1S']).begin();
  call.admission.askAgainAfter(2000, thrower);
  assert.equal(call.deadlines.size, 0);
  call.admission.askAgainAfter(500, () => undefined);
  assert.equal(call.deadlines.size, 1);
});

test('a question that throws after it was answered is closed, and its answer ends nothing', () => {
  const questioners: Questioner[] = [];
  const call = new Admitted([new Admitting()]).begin();
  call.admission.askAgainAfter(1000, (questioner) => {
    questioners.push(questioner);
    return thrower();
  });
  call.passes(1100);
  questioners[0]?.refuse(CLOSED);
  assert.deepEqual([call.told, call.faults], [['admitted'], [THROWN]]);
});

test('a call that has ended is not asked about again', () => {
  const call = new Admitted([new Admitting()]).begin();
  call.admission.cancel();
  call.admission.askAgainAfter(1000, thrower);
  assert.equal(call.deadlines.size, 0);
});

/** A call of which limits hold back a message in each direction. */
function heldBack(): Admitted {
  const direction = { ...UNLIMITED, rates: [paced({ burst: 1, take: () => 5000 }, { key: 'all' })] };
  const limits = {
    request: direction,
    response: { ...direction, rates: [{ ...direction.rates[0], key: 'b' }] },
  };
  const call = new Admitted([{ key: 'limits', limitFlow: () => limits }]).begin();
  for (const relay of [call.request, call.response]) {
    relay.setTarget(new RecordedStream().stream);
    relay.forward(Buffer.of(0, 0, 0, 0, 0), 0, 5, false);
  }
  assert.deepEqual([call.told, call.tokenLines.size], [['admitted'], 2]);
  return call;
}

test('a call that has finished wants no more tokens, and what it had waited is known', () => {
  const call = heldBack();
  call.nowMs += 700;
  call.isFinished = true;
  call.admission.cancel();
  assert.deepEqual([call.tokenLines.size, call.deadlines.size], [0, 0]);
  const { request, response } = call.admission.paced ?? {};
  assert.deepEqual([request?.msAt(9999), response?.msAt(9999)], [700, 700]);
});

test('a call that has ended and has not finished wants no more tokens for its request, and its response stays within its limits', () => {
  const call = heldBack();
  call.admission.cancel();
  assert.deepEqual([call.request.isPaced, call.response.isPaced, call.tokenLines.size], [false, true, 1]);
  call.isFinished = true;
  call.admission.cancel();
  assert.equal(call.tokenLines.size, 0);
});

// The range of every setting, what we announce, and the form of the SETTINGS frame (RFC 9113 section 6.5).

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { ConnectionError } from '../../src/h2/errors.ts';
import {
  checkSettingsFrame,
  PeerSettings,
  SettingId,
  settingName,
  settingsPayload,
} from '../../src/h2/settings.ts';
import { settings } from '../support/frames.ts';
import { TEST_SETTINGS } from '../support/wire.ts';

function fails(action: () => void, token: string, code: keyof typeof ErrorCode): void {
  assert.throws(
    action,
    (error: unknown) =>
      error instanceof ConnectionError && error.token === token && error.code === ErrorCode[code],
  );
}

function applied(id: number, value: number, peerIsClient = true): PeerSettings {
  const peer = new PeerSettings();
  peer.apply(id, value, peerIsClient);
  return peer;
}

function valuesOf(peer: PeerSettings): object {
  return Object.fromEntries(Object.entries(peer));
}

describe('values', () => {
  test('before SETTINGS arrive the initial values of section 6.5.2 hold', () => {
    assert.deepEqual(valuesOf(new PeerSettings()), {
      headerTableBytes: 4_096,
      maxConcurrentStreams: Number.POSITIVE_INFINITY,
      initialWindowBytes: 65_535,
      maxFrameBytes: 16_384,
      maxHeaderListBytes: Number.POSITIVE_INFINITY,
    });
  });

  test('HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS and MAX_HEADER_LIST_SIZE take any 32 bits', () => {
    for (const value of [0, 1, 0x7fffffff, 0xffffffff]) {
      assert.equal(applied(SettingId.HEADER_TABLE_SIZE, value).headerTableBytes, value);
      assert.equal(applied(SettingId.MAX_CONCURRENT_STREAMS, value).maxConcurrentStreams, value);
      assert.equal(applied(SettingId.MAX_HEADER_LIST_SIZE, value).maxHeaderListBytes, value);
    }
  });

  test('INITIAL_WINDOW_SIZE takes 0 to 2^31-1', () => {
    for (const value of [0, 1, 0x7fffffff]) {
      assert.equal(applied(SettingId.INITIAL_WINDOW_SIZE, value).initialWindowBytes, value);
    }
  });

  test('settings_initial_window_size: above 2^31-1', () => {
    for (const value of [0x80000000, 0xffffffff]) {
      fails(
        () => applied(SettingId.INITIAL_WINDOW_SIZE, value),
        'settings_initial_window_size',
        'FLOW_CONTROL_ERROR',
      );
    }
  });

  test('MAX_FRAME_SIZE takes 2^14 to 2^24-1', () => {
    for (const value of [16_384, 16_385, 16_777_215]) {
      assert.equal(applied(SettingId.MAX_FRAME_SIZE, value).maxFrameBytes, value);
    }
  });

  test('settings_max_frame_size: outside 2^14 to 2^24-1', () => {
    for (const value of [0, 16_383, 16_777_216, 0xffffffff]) {
      fails(() => applied(SettingId.MAX_FRAME_SIZE, value), 'settings_max_frame_size', 'PROTOCOL_ERROR');
    }
  });

  test('ENABLE_PUSH takes 0 from both and 1 from a client', () => {
    applied(SettingId.ENABLE_PUSH, 0, true);
    applied(SettingId.ENABLE_PUSH, 0, false);
    applied(SettingId.ENABLE_PUSH, 1, true);
  });

  test('settings_enable_push: another value, or 1 from a server', () => {
    fails(() => applied(SettingId.ENABLE_PUSH, 2, true), 'settings_enable_push', 'PROTOCOL_ERROR');
    fails(() => applied(SettingId.ENABLE_PUSH, 1, false), 'settings_enable_push', 'PROTOCOL_ERROR');
  });

  test('unknown identifiers are ignored', () => {
    for (const id of [0, 7, 8, 0xffff]) {
      assert.deepEqual(valuesOf(applied(id, 0xffffffff)), valuesOf(new PeerSettings()));
    }
  });

  test('a name is given for each identifier, known or not', () => {
    assert.equal(settingName(SettingId.MAX_FRAME_SIZE), 'MAX_FRAME_SIZE');
    assert.equal(settingName(0), 'setting 0x0');
    assert.equal(settingName(0x4a4a), 'setting 0x4a4a');
  });
});

describe('what we announce', () => {
  test('a server announces how many streams it takes', () => {
    assert.deepEqual(
      settingsPayload(TEST_SETTINGS, true),
      settings([3, 100], [4, 65_535], [6, 16_384]).subarray(9),
    );
  });

  test('a client switches push off', () => {
    assert.deepEqual(
      settingsPayload(TEST_SETTINGS, false),
      settings([2, 0], [4, 65_535], [6, 16_384]).subarray(9),
    );
  });
});

describe('the frame', () => {
  test('any whole number of entries up to 32 is taken', () => {
    for (let entries = 0; entries <= 32; entries++) checkSettingsFrame(entries * 6, false, 0, 32);
    checkSettingsFrame(0, true, 0, 32);
  });

  test('settings_frame_size: a length that is no multiple of 6', () => {
    for (const length of [1, 5, 7, 13]) {
      fails(() => checkSettingsFrame(length, false, 0, 32), 'settings_frame_size', 'FRAME_SIZE_ERROR');
    }
  });

  test('settings_frame_size: an acknowledgement with a payload', () => {
    fails(() => checkSettingsFrame(6, true, 0, 32), 'settings_frame_size', 'FRAME_SIZE_ERROR');
  });

  test('settings_on_stream', () => {
    fails(() => checkSettingsFrame(0, false, 1, 32), 'settings_on_stream', 'PROTOCOL_ERROR');
  });

  test('settings_too_many_entries', () => {
    fails(() => checkSettingsFrame(33 * 6, false, 0, 32), 'settings_too_many_entries', 'ENHANCE_YOUR_CALM');
  });
});

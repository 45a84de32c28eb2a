// The scripts that a store runs: tokens for a batch of keys, and how many processes share the store. Their clock is the server's.

import { createHash } from 'node:crypto';

/**
 * Tokens by the generic cell rate algorithm. A key holds the microsecond at which all tokens that were spent will have come back, and
 * goes away by then. Beside it is the time between two tokens that it was computed with: under another rate, as many tokens are spent as
 * before. A key of another type is none of ours, and is written over: the script would fail for all keys beside it.
 * KEYS: one for each. ARGV: microseconds between two tokens, the burst, then for each key what is owed, how much must be used up then, and
 * what is wanted.
 * Returns granted, milliseconds until there is a token, and what is left, for each key.
 */
export const LEASE_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval = tonumber(ARGV[1])
local most = tonumber(ARGV[2]) * interval
local found = {}
local function valueOf(key)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'table' then return value end
  if string.find(value.err, 'WRONGTYPE', 1, true) then return false end
  return redis.call('GET', key)
end
for i = 1, #KEYS do
  local owed = tonumber(ARGV[3 * i])
  local least = tonumber(ARGV[3 * i + 1])
  local wanted = tonumber(ARGV[3 * i + 2])
  local before, spacing = string.match(valueOf(KEYS[i]) or '', '^(%d+) (%S+)$')
  before = tonumber(before) or 0
  spacing = tonumber(spacing) or interval
  if before > now and spacing ~= interval then before = now + (before - now) * interval / spacing end
  local paid = math.max(math.max(before, now) + owed * interval, now + least * interval)
  local room = math.max(0, math.floor((now + most - paid) / interval + 0.000001))
  local granted = math.min(wanted, room)
  paid = paid + granted * interval
  if owed + least + granted > 0 then
    redis.call('SET', KEYS[i], string.format('%.0f ', paid) .. ARGV[1], 'PX', string.format('%.0f', math.ceil((paid - now) / 1000) + 1))
  end
  local wait = 0
  if room - granted < 1 then wait = math.max(1, math.ceil((paid + interval - now - most) / 1000)) end
  found[3 * i - 2] = granted
  found[3 * i - 1] = wait
  found[3 * i] = room - granted
end
return found
`;

/**
 * Says that a proxy is there, and how many processes carry calls of all proxies that have said so lately. KEYS: a sorted set. ARGV: the
 * id of the proxy, how many processes it has, and for how many milliseconds that counts.
 */
export const PRESENCE_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lasts = tonumber(ARGV[3])
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now))) do
  redis.call('ZREM', KEYS[1], member)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + lasts), ARGV[1] .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lasts))
local processes = 0
local members = redis.call('ZRANGE', KEYS[1], 0, 9999)
for _, member in ipairs(members) do
  processes = processes + (tonumber(string.match(member, ' (%d+)$')) or 1)
end
return processes
`;

/** A store knows scripts by SHA-1. */
export function hashOfScript(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

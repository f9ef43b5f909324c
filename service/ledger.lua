#!lua name=x402

-- One settlement of closed-loop credits: the claim and both balances change together or not at all.
--   keys: claim, balance of the payer, balance of the payee
--   args: amount (decimal, below 2^63), record, expiry of the claim (milliseconds since 1970)
--   reply: {moved} | {claimed, record} | {insufficient} | {corrupt} | {overflow}
-- Everything is checked before the first write: Redis takes no write of a function back. It uses GET and SET only, so
-- that the service's user needs no other command.

-- Lua's numbers are doubles, exact below 2^53. So a balance is two of them: what is above 10^9, and the rest.
local BASE = 1000000000
local MOST_HIGH, MOST_LOW = 9223372036, 854775807

local function split(text)
  text = text or '0'
  if #text > 19 or not (text == '0' or string.find(text, '^[1-9][0-9]*$')) then
    return nil
  end
  local high, low = tonumber(string.sub(text, 1, -10)) or 0, tonumber(string.sub(text, -9))
  if high > MOST_HIGH or (high == MOST_HIGH and low > MOST_LOW) then
    return nil
  end
  return { high = high, low = low }
end

local function joined(number)
  if number.high == 0 then
    return string.format('%.0f', number.low)
  end
  return string.format('%.0f%09.0f', number.high, number.low)
end

local function sum(one, other)
  local low = one.low + other.low
  local carry = low >= BASE and 1 or 0
  return { high = one.high + other.high + carry, low = low - carry * BASE }
end

local function difference(one, other)
  local low = one.low - other.low
  local borrow = low < 0 and 1 or 0
  return { high = one.high - other.high - borrow, low = low + borrow * BASE }
end

local function settle(keys, args)
  local claim, payer, payee = keys[1], keys[2], keys[3]
  local earlier = redis.call('GET', claim)
  if earlier then
    return { 'claimed', earlier }
  end
  local amount = split(args[1])
  local has, gets = split(redis.call('GET', payer) or nil), split(redis.call('GET', payee) or nil)
  if not (amount and has and gets) then
    return { 'corrupt' }
  end
  local left = difference(has, amount)
  if left.high < 0 then
    return { 'insufficient' }
  end
  local total = sum(gets, amount)
  if payer ~= payee then
    if not split(joined(total)) then
      return { 'overflow' }
    end
    redis.call('SET', payer, joined(left))
    redis.call('SET', payee, joined(total))
  end
  redis.call('SET', claim, args[2], 'PXAT', args[3])
  return { 'moved' }
end

redis.register_function('x402_settle', settle)

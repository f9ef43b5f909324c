#!lua name=x402

-- Closed-loop credits. x402_settle, for the service: the claim and both balances change together or not at all.
--   keys: claim, balance of the payer, balance of the payee
--   args: amount (decimal, below 2^63), record
--   reply: {moved} | {claimed, record} | {insufficient} | {corrupt} | {overflow}
-- x402_credit and x402_debit, for the administrator only: what is paid in and out.
--   keys: balance;  args: amount
--   reply: {moved, balance} | {insufficient, balance} | {corrupt} | {overflow, balance}
-- One write and no more: MSET or SET. Several would be kept in the append-only file as MULTI ... EXEC, and when that is loaded
-- again Redis runs EXEC as the user `default`, who may do nothing here: they would be gone after a restart (redis#14541,
-- repaired at the end of 2025). So the claim gets its expiry from the service afterwards; without one it is kept for
-- ever, which harms nobody.

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
  if payer == payee then
    redis.call('MSET', claim, args[2])
    return { 'moved' }
  end
  local total = joined(sum(gets, amount))
  if not split(total) then
    return { 'overflow' }
  end
  redis.call('MSET', claim, args[2], payer, joined(left), payee, total)
  return { 'moved' }
end

local function changed(keys, args, way)
  local balance = redis.call('GET', keys[1]) or '0'
  local amount, has = split(args[1]), split(balance)
  if not (amount and has) then
    return { 'corrupt' }
  end
  local number = way(has, amount)
  if number.high < 0 then
    return { 'insufficient', balance }
  end
  local result = joined(number)
  if not split(result) then
    return { 'overflow', balance }
  end
  redis.call('SET', keys[1], result)
  return { 'moved', result }
end

redis.register_function('x402_settle', settle)
redis.register_function('x402_credit', function(keys, args) return changed(keys, args, sum) end)
redis.register_function('x402_debit', function(keys, args) return changed(keys, args, difference) end)

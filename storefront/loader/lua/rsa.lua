-- Licence check of the shop: RSA-2048 signatures (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017 8.2.2)
-- in plain Lua 5.4. Needs sha256.lua.
--
--   ShopLicense.isSignedBy(key, text, signature)
--       key = { n = "<the modulus, 512 hexadecimal digits>", e = 65537 }
--       signature = base64
--       true only if this key signed exactly these bytes; anything odd is false, never an error
--
-- A number is a list of 74 limbs of 28 bits, the lowest first: 28 bits are seven hexadecimal digits,
-- and a column of 74 double products of 56 bits still fits into an unsigned 64-bit integer, so that
-- carries wait until the end of a multiplication.

ShopLicense = ShopLicense or {}

local LIMBS, BITS, DIGITS, MASK = 74, 28, 7, 0xfffffff
local EXPONENT, SQUARINGS = 65537, 16

local BASE64 = {}
for value = 0, 63 do
    local symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    BASE64[symbols:byte(value + 1)] = value
end

-- The 512 hexadecimal digits of 256 bytes in base64, or nil when it is anything else.
local function hexOfBase64(text)
    if type(text) ~= "string" or #text ~= 344 or not text:match("^[A-Za-z0-9+/]+==$") then
        return nil
    end
    local bits, hex = 0, {}
    for i = 1, 342 do
        bits = (bits << 6 | BASE64[text:byte(i)]) & 0xfff
        if i % 2 == 0 then
            hex[#hex + 1] = ("%03x"):format(bits)
        end
    end
    -- 342 symbols are 2052 bits: the last four are padding and have to be zero.
    local all = table.concat(hex)
    return all:sub(513) == "0" and all:sub(1, 512) or nil
end

local function readNumber(hex)
    local padded, limbs = ("0"):rep(LIMBS * DIGITS - #hex) .. hex, {}
    for i = 1, LIMBS do
        local last = #padded - (i - 1) * DIGITS
        limbs[i] = tonumber(padded:sub(last - DIGITS + 1, last), 16)
    end
    return limbs
end

local function isBelow(a, b)
    for i = LIMBS, 1, -1 do
        if a[i] ~= b[i] then
            return a[i] < b[i]
        end
    end
    return false
end

-- a mod n, in place, for a number below 2n.
local function reduce(a, n)
    if isBelow(a, n) then
        return a
    end
    local borrow = 0
    for i = 1, LIMBS do
        local value = a[i] - n[i] - borrow
        a[i], borrow = value & MASK, value < 0 and 1 or 0
    end
    return a
end

-- Settle what stands in the columns into limbs of 28 bits.
local function carry(columns)
    local over = 0
    for i = 1, LIMBS do
        local value = columns[i] + over
        columns[i], over = value & MASK, value >> BITS
    end
    return columns
end

-- a * b / 2^2072 mod n (Montgomery's multiplication): no division, only products and shifts.
local function multiply(a, b, key)
    local n, inverse, columns = key.n, key.inverse, {}
    for i = 1, LIMBS do
        columns[i] = 0
    end
    for i = 1, LIMBS do
        local x = a[i]
        local low = columns[1] + x * b[1]
        local m = (low * inverse) & MASK
        local over = (low + m * n[1]) >> BITS
        for j = 2, LIMBS do
            columns[j - 1] = columns[j] + x * b[j] + m * n[j]
        end
        columns[LIMBS] = 0
        columns[1] = columns[1] + over
    end
    return reduce(carry(columns), n)
end

local function double(a, n)
    local columns = {}
    for i = 1, LIMBS do
        columns[i] = 2 * a[i]
    end
    return reduce(carry(columns), n)
end

-- What is worked out once for a key: n, -1/n mod 2^28, and 2^4144 mod n, which brings a number into
-- the form that `multiply` wants.
local function prepare(modulus)
    local key = { n = readNumber(modulus) }
    local inverse = key.n[1]
    for _ = 1, 5 do
        inverse = inverse * (2 - key.n[1] * inverse)
    end
    key.inverse = -inverse & MASK
    local power = readNumber("8" .. ("0"):rep(511)) -- 2^2047, which is below n
    for _ = 1, 26 do
        power = double(power, key.n)
    end
    -- Now 2 * 2^2072. Square and double along the binary digits of 2072 = 100000011000.
    for digit in ("00000011000"):gmatch("%d") do
        power = multiply(power, power, key)
        if digit == "1" then
            power = double(power, key.n)
        end
    end
    key.entry = power
    return key
end

local prepared = {}

local function keyOf(public)
    local modulus = type(public) == "table" and public.n
    local isRsa2048 = type(modulus) == "string" and modulus:match("^[89a-f][0-9a-f]+$") and #modulus == 512
    if not isRsa2048 or public.e ~= EXPONENT or tonumber(modulus:sub(-1), 16) % 2 == 0 then
        return nil
    end
    prepared[modulus] = prepared[modulus] or prepare(modulus)
    return prepared[modulus]
end

-- The whole block that a good signature opens to. Comparing all of it, not only its end or its
-- beginning, is what keeps forged paddings out.
local function expectedBlock(text)
    local digestInfo = "3031300d060960864801650304020105000420" .. ShopLicense.sha256(text)
    return "0001" .. ("f"):rep(512 - 4 - 2 - #digestInfo) .. "00" .. digestInfo
end

function ShopLicense.isSignedBy(public, text, signature)
    local key, hex = keyOf(public), hexOfBase64(signature)
    if not key or not hex or type(text) ~= "string" then
        return false
    end
    local number = readNumber(hex)
    if not isBelow(number, key.n) then
        return false
    end
    local power = multiply(number, key.entry, key)
    for _ = 1, SQUARINGS do
        power = multiply(power, power, key)
    end
    power = multiply(power, number, key)
    local expected = readNumber(expectedBlock(text))
    return not isBelow(power, expected) and not isBelow(expected, power)
end

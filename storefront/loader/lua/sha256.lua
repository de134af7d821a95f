-- Licence check of the shop: SHA-256 (FIPS 180-4) in plain Lua 5.4.
--
--   ShopLicense.sha256(text)   the digest of any string of bytes, as 64 hexadecimal digits

ShopLicense = ShopLicense or {}

local WORD = 0xffffffff

-- The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
local ROUND = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

-- A word written twice in a row: shifting it right rotates its lower half.
local function twice(word)
    return word | (word << 32)
end

local function schedule(text, offset)
    local words = { string.unpack(">I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4", text, offset) }
    for i = 17, 64 do
        local old, new = twice(words[i - 15]), twice(words[i - 2])
        local s0 = (old >> 7) ~ (old >> 18) ~ (words[i - 15] >> 3)
        local s1 = (new >> 17) ~ (new >> 19) ~ (words[i - 2] >> 10)
        words[i] = (words[i - 16] + (s0 & WORD) + words[i - 7] + (s1 & WORD)) & WORD
    end
    return words
end

local function compress(hash, words)
    local a, b, c, d, e, f, g, h = table.unpack(hash)
    for i = 1, 64 do
        local ee, aa = twice(e), twice(a)
        local s1 = ((ee >> 6) ~ (ee >> 11) ~ (ee >> 25)) & WORD
        local s0 = ((aa >> 2) ~ (aa >> 13) ~ (aa >> 22)) & WORD
        local choice, majority = (e & f) ~ (~e & g), (a & b) ~ (a & c) ~ (b & c)
        local t = h + s1 + choice + ROUND[i] + words[i]
        h, g, f, e, d, c, b, a = g, f, e, (d + t) & WORD, c, b, a, (t + s0 + majority) & WORD
    end
    for i, value in ipairs({ a, b, c, d, e, f, g, h }) do
        hash[i] = (hash[i] + value) & WORD
    end
end

function ShopLicense.sha256(text)
    local hash = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    }
    local padded = text .. "\128" .. ("\0"):rep(-(#text + 9) % 64) .. string.pack(">I8", #text * 8)
    for offset = 1, #padded, 64 do
        compress(hash, schedule(padded, offset))
    end
    return ("%08x%08x%08x%08x%08x%08x%08x%08x"):format(table.unpack(hash))
end

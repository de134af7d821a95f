-- Licence check of the shop: which answers are the shop's word. Needs config.lua, sha256.lua, rsa.lua.
--
-- The game server's HTTP client checks no certificates, so an answer proves nothing by where it came
-- from. It proves something when one of the shop's keys signed it and it is about this very question.
-- A signed refusal is a verdict. Whatever else arrives is an outage, never a verdict.

ShopLicense = ShopLicense or {}

local CONFIG = ShopLicense.config
local CODES = {
    VALID = true, NOT_FOUND = true, EXPIRED = true, REVOKED = true, SUSPENDED = true,
    PRODUCT_MISMATCH = true, IP_NOT_ALLOWED = true, IP_SLOTS_FULL = true, VERSION_NOT_ALLOWED = true,
}

local function decode(text)
    local ok, value = pcall(json.decode, text)
    return ok and type(value) == "table" and value or nil
end

-- What was signed, or nil and a reason in plain words. `signed` holds payload, sig and kid.
local function open(signed)
    local payload = signed.payload
    if type(payload) ~= "string" or type(signed.kid) ~= "string" or #payload > 8192 then
        return nil, "the answer is not signed"
    end
    local key = CONFIG.publicKeys[signed.kid]
    if not key then
        return nil, "the answer is signed with a key this script does not know; is it up to date?"
    end
    if not ShopLicense.isSignedBy(key, payload, signed.sig) then
        return nil, "the answer is not signed by the shop"
    end
    return decode(payload), "the signed text cannot be read"
end

local function isWhole(said)
    for _, name in ipairs({ "time", "next_check", "grace_until" }) do
        if math.type(said[name]) ~= "integer" then
            said[name] = math.tointeger(said[name])
        end
    end
    return said.v == 1 and CODES[said.code] and said.time and said.next_check and said.grace_until
end

-- Whether this is about our key and our product. Without a product of its own a loader takes any.
local function isAboutUs(said, keyHash)
    return said.key == keyHash and (CONFIG.product == "" or said.product == CONFIG.product)
end

-- The verdict in the answer to a question { nonce, keyHash, serverId }, or nil and why there is none.
-- The second value of a verdict is the answer around it, for a lease to keep.
function ShopLicense.readVerdict(text, asked)
    local answer = decode(text)
    if not answer then
        return nil, "the answer cannot be read"
    end
    local said, why = open(answer)
    if not said then
        return nil, why
    end
    -- An old answer sent again, or one to somebody else, is no answer to this question.
    if not isWhole(said) or not isAboutUs(said, asked.keyHash) then
        return nil, "the answer is about something else"
    end
    if said.nonce ~= asked.nonce or said.server_id ~= asked.serverId then
        return nil, "the answer belongs to another question"
    end
    return said, answer
end

-- The VALID that was kept in `signed`, or nil. Its nonce is history; for which server it counts and
-- until when is for lease.lua to say.
function ShopLicense.readKeptVerdict(signed, keyHash)
    local said = open(signed)
    if said and isWhole(said) and said.code == "VALID" and isAboutUs(said, keyHash) then
        return said
    end
    return nil
end

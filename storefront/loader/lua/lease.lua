-- Licence check of the shop: the lease, which carries a script through an outage of the shop.
-- Needs proof.lua.
--
-- The last signed VALID is kept in the script's own folder. It counts on the server it was given to,
-- until the moment the shop signed into it, and never twice as long because somebody turned the
-- clock: time here is the shop's, goes on by the game server's timer, and never runs back.

ShopLicense = ShopLicense or {}

if not IsDuplicityVersion() then
    return
end

local FILE, ID_NAME = "license/lease.json", "license_server_id"
-- How far a clock may lag behind the lease it wrote itself, in seconds.
local CLOCK_DRIFT = 300

local RESOURCE = GetCurrentResourceName()

-- `offset` is the shop's time less this computer's. `base` is the shop's time when `elapsed`
-- (milliseconds) was zero.
local clock = { offset = 0, base = os.time(), elapsed = 0, timer = GetGameTimer() }
local lease = nil

local function setClock(time)
    clock.base, clock.elapsed, clock.timer = time, 0, GetGameTimer()
end

-- The shop's time in seconds, as well as we know it.
local function now()
    local timer = GetGameTimer()
    -- The timer is a 32-bit number that starts again after some weeks.
    clock.elapsed = clock.elapsed + ((timer - clock.timer) & 0xffffffff)
    clock.timer = timer
    return clock.base + clock.elapsed // 1000
end

local function save()
    local kept = { offset = clock.offset, seen = now() }
    if lease then
        kept.payload, kept.sig, kept.kid = lease.payload, lease.sig, lease.kid
    end
    local text = json.encode(kept)
    SaveResourceFile(RESOURCE, FILE, text, #text)
end

local function load()
    local ok, kept = pcall(json.decode, LoadResourceFile(RESOURCE, FILE) or "")
    kept = ok and type(kept) == "table" and kept or {}
    kept.offset, kept.seen = math.tointeger(kept.offset), math.tointeger(kept.seen)
    return kept.offset and kept.seen and kept or nil
end

-- The name kept in the server's own key-value store. The store stays with the server when the folder
-- of a script is copied.
local function ownName()
    local name = GetResourceKvpString(ID_NAME)
    if not name or name == "" then
        name = "k-" .. ShopLicense.nonce():sub(1, 32)
        SetResourceKvp(ID_NAME, name)
    end
    return name
end

-- This server's name for the shop: made of the token every game server has of its platform key, which
-- no two servers share. A server without one (a test in the local network) has a name of its own.
local function tokenName()
    local token = GetConvar("sv_licenseKeyToken", "")
    return token ~= "" and "t-" .. ShopLicense.sha256(token):sub(1, 32) or nil
end

local pool, drawn = tostring({}) .. os.time() .. os.clock(), 0

-- 64 hexadecimal digits that were not used before. Replays are what it is against, so it must never
-- repeat, not even after a restart in the same second; nobody gains by guessing it.
function ShopLicense.nonce()
    drawn = drawn + 1
    pool = ShopLicense.sha256(table.concat({
        pool, drawn, os.time(), os.clock(), GetGameTimer(), math.random(), tostring({}), RESOURCE,
    }, "|"))
    return pool
end

function ShopLicense.serverId()
    return tokenName() or ownName()
end

-- Take up the lease of the last run for this key, if it counts here and now.
function ShopLicense.takeUpLease(keyHash)
    lease = nil
    local kept = load()
    if not kept then
        return
    end
    local said = ShopLicense.readKeptVerdict(kept, keyHash)
    local time = os.time() + kept.offset
    clock.offset = kept.offset
    setClock(math.max(time, kept.seen))
    if not said or said.server_id ~= tokenName() and said.server_id ~= ownName() then
        return
    end
    -- From the future: the clock was turned back, or the file was put together by hand.
    if said.time > time + CLOCK_DRIFT or said.time > kept.seen then
        return
    end
    lease = { payload = kept.payload, sig = kept.sig, kid = kept.kid, ends = said.grace_until }
end

-- How many seconds the lease still counts: 0 without one.
function ShopLicense.leaseLeft()
    return lease and math.max(0, lease.ends - now()) or 0
end

-- A verdict has come. A VALID becomes the lease, a refusal ends it. What the shop signed just now is
-- also the true time.
function ShopLicense.keepVerdict(said, answer)
    clock.offset = said.time - os.time()
    setClock(said.time)
    lease = nil
    if said.code == "VALID" then
        lease = { payload = answer.payload, sig = answer.sig, kid = answer.kid, ends = said.grace_until }
    end
    save()
end

-- Write down how far time has come, so that a restart does not begin again.
function ShopLicense.rememberTime()
    if lease then
        save()
    end
end

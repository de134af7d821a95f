-- Licence check of the shop: asks whether the key of this script is good, and acts on the answer.
-- It may stop its own script, never the game server. What the shop filled in stands in config.lua,
-- how it all works in README.txt.
--
-- For the script around it, on the server:
--
--   exports["<this resource>"]:isLicensed()      whether the paid parts may run
--   exports["<this resource>"]:licenseStatus()   { licensed, code, message, product, leaseSeconds }
--   AddEventHandler("license:changed", function(resource, isLicensed, code) ... end)
--   ShopLicense.isLicensed(), ShopLicense.status()   the same inside this script

-- A manifest may load every file it finds: not on players' computers, and not twice.
if not IsDuplicityVersion() or ShopLicense.isLicensed then
    return
end

local CONFIG, RESOURCE = ShopLicense.config, GetCurrentResourceName()
local MINUTE, HOUR = 60, 3600
local LONGEST_WAIT_FOR_ANSWER_MS = 30000
-- Without a lease a first start is given this many unanswered questions, seven minutes in all.
local TRIES_WITHOUT_LEASE = 4

local REFUSALS = {
    NO_KEY = "No licence key is set. Copy it from {page} and put this line into server.cfg:\n"
        .. '    set {convar} "XXXX-XXXX-XXXX-XXXX"',
    NOT_FOUND = "The shop does not know the key {key}. Compare it with {page}",
    EXPIRED = "The licence {key} has reached its end date. Renew it at {page}",
    REVOKED = "The licence {key} was withdrawn. What happened stands at {page}",
    SUSPENDED = "The licence {key} is paused. What happened stands at {page}",
    PRODUCT_MISMATCH = "The key {key} is for another script. The key for {product} stands at {page}",
    IP_NOT_ALLOWED = "The licence {key} does not allow the address {address}. Allow it at {page}",
    IP_SLOTS_FULL = "All servers of the licence {key} are taken; this one has the address {address}. "
        .. "Free one at {page}",
    VERSION_NOT_ALLOWED = "The licence {key} does not cover this version. See {page}",
    NO_ANSWER = "The shop could not be reached ({why}) and this server has no lease from before. "
        .. "Check that it may open {url}, then start this script again",
    GRACE_OVER = "The shop could not be reached ({why}) until the lease of this server ended. "
        .. "Check that it may open {url}, then start this script again",
}

local state = { licensed = false, code = "CHECKING", message = "" }
local failures, isStopped = 0, false

local function say(colour, text)
    print(("^%d[licence] %s: %s^7"):format(colour, RESOURCE, text))
end

-- The key in its sixteen symbols, or what was typed instead, cleaned so that the shop reads the same.
local function readKey()
    local config = type(Config) == "table" and Config or {}
    local typed = ""
    for _, text in ipairs({
        GetConvar("qr_license_" .. CONFIG.product, ""), GetConvar("qr_license", ""),
        config.LicenseKey or "", config.License or "",
    }) do
        typed = typed == "" and type(text) == "string" and text or typed
    end
    local symbols = typed:gsub("[^%w]", ""):upper():gsub("O", "0"):gsub("[IL]", "1")
    if #symbols == 16 and not symbols:find("U") then
        return symbols
    end
    return typed:gsub("[^\33-\126]", ""):sub(1, 64)
end

local function fill(text, facts)
    return (text:gsub("{(%w+)}", function(name) return facts[name] or "" end))
end

local function change(licensed, code, message)
    local isNew = state.licensed ~= licensed or state.code ~= code
    state = { licensed = licensed, code = code, message = message }
    if isNew then
        TriggerEvent("license:changed", RESOURCE, ShopLicense.isLicensed(), code)
    end
    return isNew
end

local function refuse(code, facts)
    facts.page, facts.url, facts.product = CONFIG.page, CONFIG.url, CONFIG.product
    facts.convar = CONFIG.product ~= "" and "qr_license_" .. CONFIG.product or "qr_license"
    local message = fill(REFUSALS[code], facts)
    -- A refusal is repeated at every check; only a missing key is looked for too often for that.
    if change(false, code, message) or code ~= "NO_KEY" then
        say(1, ("%s (%s)"):format(message, code))
    end
    if CONFIG.onRefusal == "stop" then
        say(1, "This script stops now. Nothing else on this server is touched.")
        isStopped = true
        StopResource(RESOURCE)
    end
end

local function question(event, key)
    return {
        license_key = key,
        product = CONFIG.product ~= "" and CONFIG.product or nil,
        resource = RESOURCE,
        version = GetResourceMetadata(RESOURCE, "version", 0),
        nonce = ShopLicense.nonce(),
        server_id = ShopLicense.serverId(),
        event = event,
    }
end

local function send(asked, callback)
    -- A redirected POST would arrive without its body, so none is followed.
    PerformHttpRequest(CONFIG.url, callback, "POST", json.encode(asked),
        { ["Content-Type"] = "application/json" }, { followLocation = false })
end

-- Ask and wait. The verdict and the answer around it; or nil, a reason, and the seconds the shop wants
-- to be left alone.
local function ask(event, key)
    local asked, reply, waited = question(event, key), nil, 0
    send(asked, function(status, body, _, detail)
        reply = { status = status, body = body, detail = detail }
    end)
    while not reply and waited < LONGEST_WAIT_FOR_ANSWER_MS do
        Wait(50)
        waited = waited + 50
    end
    if not reply or reply.status == 0 then
        return nil, "no answer"
    end
    if reply.status ~= 200 then
        -- Of an error the game server hands over no body, only this text.
        local pause = tostring(reply.detail):match('"retry_after"%s*:%s*(%d+)')
        return nil, "status " .. tostring(reply.status), tonumber(pause)
    end
    return ShopLicense.readVerdict(reply.body, {
        nonce = asked.nonce, serverId = asked.server_id, keyHash = ShopLicense.sha256(key),
    })
end

local function clamp(value, least, most)
    return math.max(least, math.min(most, value))
end

local function jitter(seconds)
    return seconds * (0.9 + 0.2 * math.random())
end

-- The shop has spoken. Seconds until the next question.
local function obey(said, answer, key)
    failures = 0
    ShopLicense.keepVerdict(said, answer)
    if said.code ~= "VALID" then
        refuse(said.code, { key = key:sub(1, 4) .. "...", address = tostring(said.address) })
    elseif change(true, "VALID", "The licence is good.") then
        say(2, "The licence is good.")
    end
    return jitter(clamp(said.next_check - said.time, MINUTE, 24 * HOUR))
end

-- The shop is away. The lease decides. Seconds until the next question: 1, 2, 4 ... 30 minutes, as
-- the shop asks where it does, and never past the end of the lease.
local function endure(why, pause)
    failures = failures + 1
    pause = jitter(pause or MINUTE * 2 ^ math.min(failures - 1, 5))
    pause = clamp(pause, MINUTE, 30 * MINUTE)
    ShopLicense.rememberTime()
    local left = ShopLicense.leaseLeft()
    if left > 0 then
        if change(true, "LEASE", "The shop does not answer.") or failures == 1 then
            say(3, ("The shop does not answer (%s). This script runs on for up to %.1f hours; if it "
                .. "lasts, see %s"):format(why, left / HOUR, CONFIG.page))
        end
        return math.min(pause, left + 1)
    end
    if state.licensed then
        refuse("GRACE_OVER", { why = why })
    elseif failures == TRIES_WITHOUT_LEASE and not REFUSALS[state.code] then
        refuse("NO_ANSWER", { why = why })
    elseif not REFUSALS[state.code] then
        change(false, "WAITING", "The shop does not answer.")
        say(3, ("The shop does not answer (%s). Asking again in %d seconds."):format(why, pause // 1))
    end
    return pause
end

local function check(event)
    local key = readKey()
    if key == "" then
        refuse("NO_KEY", {})
        return 5 * MINUTE
    end
    local said, answer, pause = ask(event, key)
    if isStopped then
        return MINUTE
    end
    return said and obey(said, answer, key) or endure(answer, pause)
end

-- In `warn` the paid parts run whatever the shop says; the console and `status` tell the truth.
function ShopLicense.isLicensed()
    return state.licensed or CONFIG.onRefusal == "warn"
end

function ShopLicense.status()
    return {
        licensed = state.licensed, code = state.code, message = state.message,
        product = CONFIG.product, leaseSeconds = ShopLicense.leaseLeft(),
    }
end

exports("isLicensed", ShopLicense.isLicensed)
exports("licenseStatus", ShopLicense.status)

AddEventHandler("onResourceStop", function(name)
    if name ~= RESOURCE then
        return
    end
    isStopped = true
    ShopLicense.rememberTime()
    if state.licensed then
        send(question("stop", readKey()), function() end)
    end
end)

CreateThread(function()
    ShopLicense.takeUpLease(ShopLicense.sha256(readKey()))
    if ShopLicense.leaseLeft() > 0 then
        change(true, "LEASE", "")
    end
    -- Forty scripts that start in one second need not ask in the same; and what a restart sends on
    -- its way out has to arrive first.
    Wait(1000 + math.random(0, 1500))
    local event = "start"
    while not isStopped do
        local seconds = check(event)
        event = "heartbeat"
        Wait(math.ceil(seconds * 1000))
    end
end)

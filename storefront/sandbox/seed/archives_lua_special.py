"""Lua of the products that are like no other: loading, weather, queue, shield, bundles."""

from __future__ import annotations

LOADING_CLIENT = """-- The screen closes by itself as soon as the player stands in the world.
AddEventHandler('playerSpawned', function()
    Wait(Config.FadeMs)
    ShutdownLoadingScreenNui()
end)
"""

LOADING_SERVER = """-- What is handed over here is read by web/app.js before the game has started.
AddEventHandler('playerConnecting', function(name, _, deferrals)
    deferrals.handover({ player = name, title = L('title'), tips = Config.Tips })
end)
"""

WEATHER_CLIENT = """local current = nil

local function apply(sky)
    if sky == current then
        return
    end
    SetWeatherTypeOvertimePersist(sky, Config.BlendSeconds + 0.0)
    current = sky
end

CreateThread(function()
    while true do
        local state = GlobalState['$slug']
        if state then
            apply(state.sky)
            NetworkOverrideClockTime(state.hour, state.minute, 0)
        end
        Wait(1000)
    end
end)
"""

WEATHER_SERVER = """local minutes, frozen = Config.StartHour * 60, false
local sky, untilMinute = Config.Sky[1].name, 0

local function roll()
    local total = 0
    for _, entry in ipairs(Config.Sky) do
        total = total + entry.weight
    end
    local pick = math.random() * total
    for _, entry in ipairs(Config.Sky) do
        pick = pick - entry.weight
        if pick <= 0 then
            return entry.name
        end
    end
    return Config.Sky[1].name
end

local function publish()
    GlobalState['$slug'] = { sky = sky, hour = minutes // 60 % 24, minute = minutes % 60 }
end

CreateThread(function()
    while true do
        if not frozen then
            minutes = minutes + 1
            if minutes >= untilMinute then
                sky, untilMinute = roll(), minutes + Config.ChangeEveryMinutes
            end
        end
        publish()
        Wait(Config.SecondsPerMinute * 1000)
    end
end)

RegisterCommand('$command', function(source, args)
    if args[1] == 'freeze' then
        frozen = not frozen
    elseif args[1] == 'time' and tonumber(args[2]) then
        minutes = math.floor(tonumber(args[2])) % 24 * 60
        untilMinute = minutes + Config.ChangeEveryMinutes
    elseif args[1] then
        sky, untilMinute = args[1]:upper(), minutes + Config.ChangeEveryMinutes
    end
    publish()
    print(('[$slug] %s %02d:%02d'):format(sky, minutes // 60 % 24, minutes % 60))
end, true)

exports('getSky', function()
    return sky
end)
"""

QUEUE_CLIENT = """-- Tells the server that the player has arrived, so that the seat counts as taken.
CreateThread(function()
    while not NetworkIsSessionStarted() do
        Wait(200)
    end
    TriggerServerEvent('$slug:server:arrived')
end)
"""

QUEUE_SERVER = """local waiting, held = {}, {}

local function idOf(source)
    return GetPlayerIdentifierByType(source, 'license') or ('source:' .. source)
end

local function weightOf(entry)
    local bonus = Config.Priority[entry.id] or 0
    local seat = (held[entry.id] or 0) > os.time() and 1000 or 0
    return bonus + seat + (os.time() - entry.since) / Config.SecondsPerPoint
end

local function place(id)
    table.sort(waiting, function(a, b) return weightOf(a) > weightOf(b) end)
    for index, entry in ipairs(waiting) do
        if entry.id == id then
            return index
        end
    end
    return nil
end

local function leave(id)
    for index, entry in ipairs(waiting) do
        if entry.id == id then
            table.remove(waiting, index)
            return
        end
    end
end

AddEventHandler('playerConnecting', function(_, _, deferrals)
    local source = source
    local id = idOf(source)
    deferrals.defer()
    Wait(0)
    leave(id)
    waiting[#waiting + 1] = { id = id, since = os.time() }
    while true do
        local index = place(id)
        if not index or not GetPlayerName(source) then
            leave(id)
            return
        end
        if index == 1 and #GetPlayers() < GetConvarInt('sv_maxclients', 48) then
            leave(id)
            deferrals.done()
            return
        end
        deferrals.update(L('hint', index, #waiting))
        Wait(Config.RefreshMs)
    end
end)

RegisterNetEvent('$slug:server:arrived', function()
    held[idOf(source)] = nil
end)

AddEventHandler('playerDropped', function()
    held[idOf(source)] = os.time() + Config.HoldSeatSeconds
end)

exports('getLength', function()
    return #waiting
end)
"""

SHIELD_CLIENT = """-- Nothing is decided on the client: it can be changed by the player.
RegisterNetEvent('$slug:client:alert', function(text)
    TriggerEvent('chat:addMessage', { args = { L('title'), text } })
end)
"""

SHIELD_SERVER = """local scores, windows = {}, {}

local function add(source, points, reason)
    local score = (scores[source] or 0) + points
    scores[source] = score
    print(('[$slug] %s (%s) +%d = %d: %s'):format(
        GetPlayerName(source) or '?', source, points, score, reason))
    for _, id in ipairs(GetPlayers()) do
        if IsPlayerAceAllowed(id, '$slug.alerts') then
            TriggerClientEvent('$slug:client:alert', id, L('hint', GetPlayerName(source), reason))
        end
    end
    if Config.KickAt > 0 and score >= Config.KickAt then
        DropPlayer(source, L('kicked'))
    end
end

-- One window per player and kind. The first event above the limit costs points, all are stopped.
local function tooMany(source, kind, points)
    local key, now = source .. ':' .. kind, GetGameTimer()
    local window = windows[key]
    if not window or now - window.start > Config.WindowMs then
        windows[key] = { start = now, count = 1 }
        return false
    end
    window.count = window.count + 1
    if window.count == Config.Limits[kind] + 1 then
        add(source, points, kind)
    end
    return window.count > Config.Limits[kind]
end

AddEventHandler('explosionEvent', function(sender)
    local source = tonumber(sender)
    if source and tooMany(source, 'explosion', 25) then
        CancelEvent()
    end
end)

AddEventHandler('entityCreating', function(entity)
    local source = NetworkGetEntityOwner(entity)
    if source and source > 0 and tooMany(source, 'entity', 10) then
        CancelEvent()
    end
end)

CreateThread(function()
    while true do
        Wait(Config.DecayEveryMs)
        for source, score in pairs(scores) do
            scores[source] = score > 1 and score - 1 or nil
        end
    end
end)

AddEventHandler('playerDropped', function()
    scores[source] = nil
end)

exports('getScore', function(player)
    return scores[player] or 0
end)
"""

BUNDLE_CLIENT = """-- The parts bring their own client code; this one only answers a question.
RegisterCommand('$command', function()
    for _, name in ipairs(Config.Parts) do
        print(('[$slug] %s: %s'):format(name, GetResourceState(name)))
    end
end, false)
"""

BUNDLE_SERVER = """-- Says once, clearly, which part of the bundle is missing.
CreateThread(function()
    Wait(5000)
    local missing = {}
    for _, name in ipairs(Config.Parts) do
        if GetResourceState(name) ~= 'started' then
            missing[#missing + 1] = name
        end
    end
    if #missing == 0 then
        print('[$slug] ' .. L('done', #Config.Parts))
    else
        print('[$slug] ' .. L('hint', table.concat(missing, ', ')))
    end
end)
"""

"""Lua of the demo resources. Placeholders are `$name`; all of it parses as stock Lua 5.4."""

from __future__ import annotations

LOCALE = """-- Texts come from locales/<language>.json so that server owners can edit them.
local texts = {}

local function load(language)
    local raw = LoadResourceFile(GetCurrentResourceName(), 'locales/' .. language .. '.json')
    return raw and json.decode(raw) or {}
end

texts = load(Config.Locale)

function L(key, ...)
    local text = texts[key] or key
    if select('#', ...) > 0 then
        return text:format(...)
    end
    return text
end
"""

ZONES_CLIENT = """local nearest, busy = nil, false

local function show(text)
    BeginTextCommandThefeedPost('STRING')
    AddTextComponentSubstringPlayerName(text)
    EndTextCommandThefeedPostTicker(false, true)
end

local function hint(text)
    BeginTextCommandDisplayHelp('STRING')
    AddTextComponentSubstringPlayerName(text)
    EndTextCommandDisplayHelp(0, false, true, -1)
end

local function addBlip(place)
    local blip = AddBlipForCoord(place.x, place.y, place.z)
    SetBlipSprite(blip, Config.Blip.sprite)
    SetBlipColour(blip, Config.Blip.colour)
    SetBlipScale(blip, 0.75)
    SetBlipAsShortRange(blip, true)
    BeginTextCommandSetBlipName('STRING')
    AddTextComponentSubstringPlayerName(L('title'))
    EndTextCommandSetBlipName(blip)
end

CreateThread(function()
    for _, place in ipairs(Config.Places) do
        addBlip(place)
    end
end)

-- Looking for the nearest place twice a second is enough; drawing needs every frame.
CreateThread(function()
    while true do
        local at = GetEntityCoords(PlayerPedId())
        nearest = nil
        for index, place in ipairs(Config.Places) do
            if #(at - vector3(place.x, place.y, place.z)) < Config.Reach then
                nearest = index
                break
            end
        end
        Wait(500)
    end
end)

CreateThread(function()
    while true do
        if nearest and not busy then
            hint(L('hint'))
            if IsControlJustReleased(0, 38) then
                busy = true
                TriggerServerEvent('$slug:server:use', nearest)
            end
            Wait(0)
        else
            Wait(250)
        end
    end
end)

RegisterNetEvent('$slug:client:answer', function(ok, text)
    busy = false
    show(text)
    if ok then
        PlaySoundFrontend(-1, 'SELECT', 'HUD_FRONTEND_DEFAULT_SOUNDSET', true)
    end
end)

RegisterCommand('$command', function()
    TriggerServerEvent('$slug:server:stats')
end, false)
"""

ZONES_SERVER = """local lastUse = {}

local function licenceOf(source)
    return GetPlayerIdentifierByType(source, 'license') or ('player:' .. source)
end

local function counterOf(source)
    return ('$slug:%s'):format(licenceOf(source))
end

local function answer(source, ok, text)
    TriggerClientEvent('$slug:client:answer', source, ok, text)
end

-- The client only says which place it means; where the player stands is looked up here.
local function standsAt(source, place)
    local ped = GetPlayerPed(source)
    if ped == 0 then
        return false
    end
    local at = GetEntityCoords(ped)
    return #(at - vector3(place.x, place.y, place.z)) < Config.Reach + 2.0
end

RegisterNetEvent('$slug:server:use', function(index)
    local source = source
    local place = type(index) == 'number' and Config.Places[index] or nil
    if not place or not standsAt(source, place) then
        return answer(source, false, L('too_far'))
    end

    local now, key = os.time(), licenceOf(source)
    local wait = (lastUse[key] or 0) + Config.CooldownSeconds - now
    if wait > 0 then
        return answer(source, false, L('wait', wait))
    end
    lastUse[key] = now

    local counter = counterOf(source)
    local total = GetResourceKvpInt(counter) + 1
    SetResourceKvpInt(counter, total)
    TriggerEvent('$slug:used', source, place.label, Config.Amount, total)
    answer(source, true, L('done', place.label, Config.Amount))
end)

RegisterNetEvent('$slug:server:stats', function()
    local source = source
    answer(source, true, L('stats', GetResourceKvpInt(counterOf(source))))
end)

AddEventHandler('playerDropped', function()
    lastUse[licenceOf(source)] = nil
end)

-- Other scripts ask how often a player has used this one.
exports('getUses', function(player)
    return GetResourceKvpInt(counterOf(player))
end)
"""

PANEL_CLIENT = """local open = false

local function setOpen(state)
    open = state
    SetNuiFocus(state and Config.NeedsMouse, state and Config.NeedsMouse)
    SendNUIMessage({ type = 'visible', visible = state, title = L('title') })
    if state then
        TriggerServerEvent('$slug:server:request')
    end
end

RegisterCommand('$command', function()
    setOpen(not open)
end, false)

RegisterKeyMapping('$command', L('hint'), 'keyboard', Config.Key)

RegisterNUICallback('close', function(_, done)
    setOpen(false)
    done({ ok = true })
end)

RegisterNetEvent('$slug:client:data', function(rows)
    SendNUIMessage({ type = 'rows', rows = rows })
end)

-- Values are sent when they change, never on every frame.
CreateThread(function()
    local last = ''
    while true do
        if open or Config.AlwaysVisible then
            local ped = PlayerPedId()
            local vehicle = GetVehiclePedIsIn(ped, false)
            local speed = vehicle ~= 0 and math.floor(GetEntitySpeed(vehicle) * 3.6 + 0.5) or 0
            local status = {
                health = math.max(0, GetEntityHealth(ped) - 100),
                armour = GetPedArmour(ped),
                speed = speed,
            }
            local key = ('%d:%d:%d'):format(status.health, status.armour, status.speed)
            if key ~= last then
                last = key
                SendNUIMessage({ type = 'status', status = status })
            end
        end
        Wait(Config.RefreshMs)
    end
end)

exports('isOpen', function()
    return open
end)
"""

PANEL_SERVER = """local lastAsk = {}

local function rows()
    local result = {}
    for _, id in ipairs(GetPlayers()) do
        local row = { id = tonumber(id), name = GetPlayerName(id), ping = GetPlayerPing(id) }
        result[#result + 1] = row
    end
    table.sort(result, function(a, b) return a.id < b.id end)
    return result
end

RegisterNetEvent('$slug:server:request', function()
    local source = source
    local now = GetGameTimer()
    if now - (lastAsk[source] or -10000) < Config.MinRequestMs then
        return
    end
    lastAsk[source] = now
    TriggerClientEvent('$slug:client:data', source, rows())
end)

AddEventHandler('playerDropped', function()
    lastAsk[source] = nil
end)

exports('getRows', rows)
"""

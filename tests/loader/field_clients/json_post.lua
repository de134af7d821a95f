-- JSON by POST with `license` and `resourceName`; glues what the answer says of the licence.
local API, KEY = GetConvar("field_url", ""), GetConvar("field_key", "")

CreateThread(function()
    Wait(500)
    PerformHttpRequest(API, function(code, body)
        if code ~= 200 then
            print("licence server answered " .. tostring(code))
            return
        end
        local data = json.decode(body)
        if data.valid then
            print("authorised: " .. data.license.product .. " v" .. data.license.version
                .. " for " .. data.license.user)
        else
            print("refused: " .. data.error .. " (" .. data.license.product .. ")")
            StopResource(GetCurrentResourceName())
        end
    end, "POST", json.encode({ license = KEY, resourceName = GetCurrentResourceName() }),
        { ["Content-Type"] = "application/json" })
end)

-- `licenseKey` and `resName` of years ago; asks again every half hour and stops when told so.
local function verify()
    PerformHttpRequest(GetConvar("field_url", ""), function(status, text)
        local answer = json.decode(text)
        local line = answer.license.product .. " / " .. answer.license.version .. " / "
            .. answer.user.username .. "#" .. answer.user.discriminator .. " / " .. answer.license.user
        print((answer.valid and "authorised: " or "refused: ") .. line .. " / " .. answer.message)
    end, "POST", json.encode({
        licenseKey = GetConvar("field_key", ""), resName = GetCurrentResourceName(), version = "1.0",
    }), { ["Content-Type"] = "application/json" })
end

Citizen.CreateThread(function()
    while true do
        verify()
        Citizen.Wait(30 * 60 * 1000)
    end
end)

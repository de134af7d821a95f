-- JSON without a Content-Type: it goes out as a form. An own `ip` is sent along, too.
PerformHttpRequest(GetConvar("field_url", ""), function(status, text)
    local answer = json.decode(text)
    print((answer.valid and "authorised: " .. answer.license.user or "refused: " .. answer.error)
        .. ", servers " .. answer.ips.used .. " of " .. answer.ips.max .. ", you are " .. answer.ips.yours)
end, "POST", json.encode({
    license_key = GetConvar("field_key", ""), resource = GetCurrentResourceName(), ip = "203.0.113.99",
}))

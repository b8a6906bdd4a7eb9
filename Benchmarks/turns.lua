-- For wrk: asks for the targets of a file, one on each line, in turn.
local requests, turn = {}, 0

function init(arguments)
    for target in io.lines(arguments[1]) do requests[#requests + 1] = wrk.format("GET", target) end
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

// SPDX-License-Identifier: MIT
#include "userblk/ctl/create_command.hpp"
#include "userblk/ctl/info_command.hpp"
#include "userblk/ctl/list_command.hpp"
#include "userblk/ctl/reload_command.hpp"
#include "userblk/ctl/remove_command.hpp"
#include "userblk/ctl/reset_command.hpp"
#include "userblk/ctl/resize_command.hpp"
#include "userblk/ctl/serve_command.hpp"
#include "userblk/ctl/stats_command.hpp"
#include "userblk/ctl/top_command.hpp"
#include "userblk/ctl/wait_command.hpp"

namespace userblk::ctl {

std::vector<std::unique_ptr<Command>> all_commands() {
    std::vector<std::unique_ptr<Command>> commands;
    commands.push_back(std::make_unique<CreateCommand>());
    commands.push_back(std::make_unique<ServeCommand>());
    commands.push_back(std::make_unique<ListCommand>());
    commands.push_back(std::make_unique<InfoCommand>());
    commands.push_back(std::make_unique<StatsCommand>());
    commands.push_back(std::make_unique<TopCommand>());
    commands.push_back(std::make_unique<WaitCommand>());
    commands.push_back(std::make_unique<ReloadCommand>());
    commands.push_back(std::make_unique<ResetCommand>());
    commands.push_back(std::make_unique<ResizeCommand>());
    commands.push_back(std::make_unique<RemoveCommand>());
    return commands;
}

} // namespace userblk::ctl

// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/create_command.hpp"
#include "userblk/ctl/commands/info_command.hpp"
#include "userblk/ctl/commands/list_command.hpp"
#include "userblk/ctl/commands/reload_command.hpp"
#include "userblk/ctl/commands/remove_command.hpp"
#include "userblk/ctl/commands/reset_command.hpp"
#include "userblk/ctl/commands/resize_command.hpp"
#include "userblk/ctl/commands/serve_command.hpp"
#include "userblk/ctl/commands/stats_command.hpp"
#include "userblk/ctl/commands/top_command.hpp"
#include "userblk/ctl/commands/wait_command.hpp"

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

# SPDX-License-Identifier: MIT
# fish completion for userblkctl

function __userblkctl_devices
    for folder in /sys/block/userblk*
        test -e $folder/userblk/name; or continue
        string replace -r '.*/' '' $folder
        string match -r '.+' (cat $folder/userblk/name 2>/dev/null)
    end
end

# The store, from its kind on.
function __userblkctl_stores
    set -l word (commandline -ct)
    if set -l parts (string match -r '^(.*file:)(.*)$' -- $word)
        string replace -r '^' $parts[2] (__fish_complete_path $parts[3])
    else
        printf '%s\n' mem: file: null: nbd:// nbds:// nbd+unix://
    end
end

complete -c userblkctl -f
complete -c userblkctl -n __fish_use_subcommand -l version -d 'Print the version and exit'
complete -c userblkctl -s h -l help -d 'Print the help and exit'
complete -c userblkctl -n __fish_use_subcommand -a create -d 'Create a device, for any process to serve'
complete -c userblkctl -n __fish_use_subcommand -a serve -d 'Serve a device from memory, a file or a block device'
complete -c userblkctl -n __fish_use_subcommand -a list -d 'List devices'
complete -c userblkctl -n __fish_use_subcommand -a info -d 'Show what a device is, its state, and who holds requests'
complete -c userblkctl -n __fish_use_subcommand -a stats -d 'Print counts of devices, or rates'
complete -c userblkctl -n __fish_use_subcommand -a top -d 'Show the activity of devices periodically'
complete -c userblkctl -n __fish_use_subcommand -a wait -d 'Wait until a device answers a read, is idle, or is removed'
complete -c userblkctl -n __fish_use_subcommand -a reload -d 'Replace the workers by new ones, without errors'
complete -c userblkctl -n __fish_use_subcommand -a reset -d 'Put requests of dead processes back into the queue'
complete -c userblkctl -n __fish_use_subcommand -a resize -d 'Change the size of a device while it is in use'
complete -c userblkctl -n __fish_use_subcommand -a remove -d 'Remove devices'

# Devices and stores.
complete -c userblkctl -n '__fish_seen_subcommand_from serve list info stats top wait reload reset resize remove' -a '(__userblkctl_devices)'
complete -c userblkctl -n '__fish_seen_subcommand_from serve reload' -a '(__userblkctl_stores)'

# Options that describe the device.
set -l device '__fish_seen_subcommand_from create serve'
complete -c userblkctl -n $device -s s -l size -x -d 'Size of the device'
complete -c userblkctl -n $device -s b -l block-size -x -a '512 1K 2K 4K' -d 'Logical block size'
complete -c userblkctl -n $device -l physical-block-size -x -d 'Physical block size'
complete -c userblkctl -n $device -l io-min -x -d 'Preferred smallest I/O'
complete -c userblkctl -n $device -l io-opt -x -d 'Preferred large I/O'
complete -c userblkctl -n $device -l max-transfer -x -d 'Largest payload of a request'
complete -c userblkctl -n $device -l chunk-size -x -d 'No request crosses a multiple of it'
complete -c userblkctl -n $device -s q -l queues -x -d 'Hardware queues'
complete -c userblkctl -n $device -s d -l depth -x -d 'Requests in flight per queue'
complete -c userblkctl -n $device -s r -l read-only -d 'Refuse writes'
complete -c userblkctl -n $device -l rotational -d 'Report that seeks cost time'
complete -c userblkctl -n $device -l no-cache -d 'Acknowledged data is on stable storage'
complete -c userblkctl -n $device -l no-fua -d 'Send a flush after a write instead of FUA'
complete -c userblkctl -n $device -l no-discard -d 'Do not offer discard'
complete -c userblkctl -n $device -l discard-granularity -x -d 'Granularity of discards'
complete -c userblkctl -n $device -l no-write-zeroes -d 'Do not offer to write zeros as a range'
complete -c userblkctl -n $device -l stable-writes -d 'Data must not change while it is written'
complete -c userblkctl -n $device -l no-partitions -d 'Do not read a partition table'
complete -c userblkctl -n $device -l allow-redirect -d 'Let the kernel carry out requests on files that workers have open'
complete -c userblkctl -n $device -l no-redirect -d 'Do not allow that'
complete -c userblkctl -n $device -l queue-limit -x -d 'Requests queued longer fail'
complete -c userblkctl -n $device -l delivery-limit -x -d 'Requests delivered more often fail'
complete -c userblkctl -n $device -l store-class -x -a 'process fenced unfenced wait:' -d 'When the writes of a dead worker have ended'
complete -c userblkctl -n $device -s n -l name -x -d 'Name of the device'
complete -c userblkctl -n $device -l number -x -d 'N of /dev/userblkN'
complete -c userblkctl -n $device -l owner -x -a '(__fish_complete_users)' -d 'Owner of the control node'
complete -c userblkctl -n $device -l group -x -a '(__fish_complete_groups)' -d 'Group of the control node'
complete -c userblkctl -n $device -l mode -x -d 'Permissions of the control node'

# How it is served.
set -l serving '__fish_seen_subcommand_from serve reload'
complete -c userblkctl -n $serving -s w -l workers -x -d 'Worker processes'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -s t -l threads -x -d 'Threads of each worker'
complete -c userblkctl -n '__fish_seen_subcommand_from reload' -l threads -x -d 'Threads of each worker'
complete -c userblkctl -n $serving -l batch -x -d 'The most requests that a thread takes at a time'
complete -c userblkctl -n $serving -l wait -x -a 'poll serve' -d 'How workers wait'
complete -c userblkctl -n $serving -l spin -d 'Look for requests before sleeping'
complete -c userblkctl -n $serving -l redirect -d 'Leave moving the data to the kernel'
complete -c userblkctl -n $serving -l direct -d 'With --redirect: past the page cache'
complete -c userblkctl -n $serving -l pin -d 'Share the hardware queues out among the threads'
complete -c userblkctl -n $serving -l scheduling -x -a 'auto normal batch fifo' -d 'How workers that wake up get a processor'
complete -c userblkctl -n $serving -l share -d 'Also if the store has another device, or the device another store'
complete -c userblkctl -n $serving -l spares -x -d 'Workers kept ready for one that dies'
complete -c userblkctl -n $serving -l retry -x -d 'With nbd: how long requests wait for a server that went away'
complete -c userblkctl -n $serving -l start-limit -x -d 'How long a worker may take to open its store'
complete -c userblkctl -n $serving -l drain-limit -x -d 'How long the end waits for answers'
complete -c userblkctl -n $serving -l user -x -a '(__fish_complete_users)' -d 'Who the workers become'
complete -c userblkctl -n $serving -l lock-memory -d 'Keep the memory of all processes from being paged out'
complete -c userblkctl -n $serving -l oom-score-adj -x -d 'How likely to be killed when memory is short'
complete -c userblkctl -n $serving -l log -x -a 'console syslog file:' -d 'Where messages go'
complete -c userblkctl -n $serving -l log-level -x -a 'error warning notice information debug' -d 'The least important messages that are logged'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -l check -d 'Only find out whether it would serve'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -l detach -d 'Go into the background'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -l timeout -x -d 'Fail if --detach takes longer'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -l create -d 'Make a device for the store'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -l keep -d 'Do not remove it at the end'
complete -c userblkctl -n '__fish_seen_subcommand_from serve' -l reuse -d 'Serve a device of this name if there is one'
complete -c userblkctl -n '__fish_seen_subcommand_from reload' -s t -l timeout -x -d 'Fail after this time'
complete -c userblkctl -n '__fish_seen_subcommand_from reload' -l defaults -d 'Options that are not given go back to their defaults'

# What is printed, and how often.
set -l table '__fish_seen_subcommand_from list stats'
complete -c userblkctl -n $table -s n -l noheadings -d 'Omit the headings'
complete -c userblkctl -n $table -s b -l bytes -d 'Print sizes in bytes'
complete -c userblkctl -n $table -s o -l output -x -d 'Columns, separated by commas'
complete -c userblkctl -n $table -s r -l raw -d 'Print a blank between columns'
complete -c userblkctl -n $table -s P -l pairs -d 'Print NAME="value"'
complete -c userblkctl -n '__fish_seen_subcommand_from create list info stats reset' -s J -l json -d 'Print JSON'
complete -c userblkctl -n '__fish_seen_subcommand_from stats top' -s i -l interval -x -d 'The time between prints'
complete -c userblkctl -n '__fish_seen_subcommand_from stats top' -s c -l count -x -d 'Exit after so many'
complete -c userblkctl -n '__fish_seen_subcommand_from top' -l once -d 'Print one table and exit'

# The rest.
complete -c userblkctl -n '__fish_seen_subcommand_from wait' -l for -x -a 'ready idle removed' -d 'What to wait for'
complete -c userblkctl -n '__fish_seen_subcommand_from wait' -s t -l timeout -x -d 'Fail after this time'
complete -c userblkctl -n '__fish_seen_subcommand_from reset' -l pid -x -a '(__fish_complete_pids)' -d 'Put back what this process holds'
complete -c userblkctl -n '__fish_seen_subcommand_from reset' -l older-than -x -d 'Put back requests held longer'
complete -c userblkctl -n '__fish_seen_subcommand_from reset' -l id -x -d 'Put back one request'
complete -c userblkctl -n '__fish_seen_subcommand_from reset' -l all -d 'Put back all taken requests'
complete -c userblkctl -n '__fish_seen_subcommand_from reset' -l force -d 'Even if writes of the dead may still land'
complete -c userblkctl -n '__fish_seen_subcommand_from resize' -s f -l force -d 'Allow shrinking, or growing beyond the store'
complete -c userblkctl -n '__fish_seen_subcommand_from remove' -s a -l all -d 'Remove all devices'
complete -c userblkctl -n '__fish_seen_subcommand_from remove' -s f -l force -d 'Also remove a device in use'

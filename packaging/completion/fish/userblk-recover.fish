# SPDX-License-Identifier: MIT
# fish completion for userblk-recover

function __userblk_recover_devices
    for folder in /sys/block/userblk*
        test -e $folder/userblk/name; or continue
        string replace -r '.*/' '' $folder
        string match -r '.+' (cat $folder/userblk/name 2>/dev/null)
    end
end

complete -c userblk-recover -f -a '(__userblk_recover_devices)'
complete -c userblk-recover -l version -d 'Print the version and exit'
complete -c userblk-recover -s h -l help -d 'Print the help and exit'
complete -c userblk-recover -l reset -d 'Put back the requests of dead processes'
complete -c userblk-recover -l watch -d 'Keep running, and print or put back what processes leave behind that die'
complete -c userblk-recover -s J -l json -d 'Print JSON'
complete -c userblk-recover -l pid -x -a '(__fish_complete_pids)' -d 'Put back what this process holds'
complete -c userblk-recover -l older-than -x -d 'Put back requests held longer'
complete -c userblk-recover -l id -x -d 'Put back one request'
complete -c userblk-recover -l all -d 'Put back all taken requests'
complete -c userblk-recover -l force -d 'Even if writes of the dead may still land'

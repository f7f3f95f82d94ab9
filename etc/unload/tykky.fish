# Takes away what profile.d/tykky.fish defined; PATH is the modulefile's, which sources this.
if functions -q tykky
    tykky deactivate
    complete -c tykky -e
    complete -c kapseli -e
    functions -e tykky kapseli (functions --all --names | string match '__tykky_*')
end

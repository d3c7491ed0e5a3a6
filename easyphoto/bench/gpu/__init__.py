"""What a training and a portrait cost on this machine's device, measured on random weights of true size.

`run` goes through the phases, each in a process of its own, and keeps every result in a file, so that a call may end
after a few minutes and the next one continues.
"""

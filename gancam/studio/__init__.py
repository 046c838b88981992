"""`gancam studio`: live video, effects and files in a page of the user's own browser.

    browser --HTTP, JSON--> guard -> app -> Studio --requests--> LiveChain, Player, jobs
            <--WebSocket--- viewer <- Screen <- run(LiveSource, [LiveChain], [Screen])

There is one session: whoever opens the page sees the same. Everything that can be turned is what the effects declare.
"""

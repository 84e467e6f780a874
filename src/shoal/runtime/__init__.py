"""Runtime: joins the stages for a workspace. In: a folder with definitions and events. Out: answers and files.

Each file is one thing that a person asks for; little else happens here.
"""

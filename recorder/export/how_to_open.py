"""What a person reads who finds the stick, or opens it in ten years without our software."""

TEXT = """\
HOW TO OPEN WHAT IS ON THIS STICK

1. It holds recordings of a cabin camera, encrypted so that only the office of the organisation that runs the vehicle
   can open them; if you have found it, please hand it back to them, for without their key nobody can watch anything.
2. Never type a key or a passphrase into anything found on a stick, this one included, and start no program from it.
3. In the office, the recorder's own program on your own computer makes one film of each journey, named by its date, and
   tells you what is missing or was altered: cabin-recorder open STICK -i identity.txt -o FOLDER
4. To check without making films, and to learn whether a recorder that you know made this:
   cabin-recorder verify STICK -i identity.txt
5. Each folder is one journey; its name means nothing on purpose, so that a lost stick does not tell when anybody drove.
6. Without that program, install "age" from the usual source for your computer, and give it each numbered file in turn:
   age -d -i identity.txt 00001.mp4.age > 00001.mp4
7. "identity.txt" is the key that your office keeps, and it never lies on a stick; age asks for its passphrase if it
   has one.
8. Each numbered file is one piece of a journey, in order, and plays in any video player; of one that a power cut ended,
   age gives everything up to that moment, and then says that the file is incomplete.
9. "log.jsonl.age" and "ledger.jsonl.age" open in the same way, and tell in plain text which journey it is, what the
   recorder did and when, and how far its clock was off; what does not concern the journey is "skipped" in the second.
10. Change nothing on the stick: "manifest.json" is the recorder's signed list of what belongs on it.
"""

from gancam.cli import main

main()

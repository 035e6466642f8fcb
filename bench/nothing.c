/* A process that does nothing: the floor of everything a command does. */
int main(void)
{
    return 0;
}
